/** Two kinds of plot as SVG text: lines over an axis, and bars in groups. It knows nothing of what it draws. */

/** An axis; on a logarithmic one equal steps are equal factors. */
export interface Axis {
  readonly label: string
  readonly log?: boolean
}

/** Points in the order in which they are joined. */
export interface Line {
  readonly name: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

/** Bars side by side, in the order of the names of the plot. */
export interface Group {
  readonly name: string
  readonly values: ReadonlyArray<number>
}

const [width, height] = [720, 380]
const area = { left: 70, right: 20, top: 44, bottom: 76 }
const colours = ["#2458a6", "#c4572b", "#3b8a5a", "#7a5195", "#8a6d1f"]

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
const at = (value: number): string => value.toFixed(1)
const text = (x: number, y: number, said: string, anchor = "middle", more = ""): string =>
  `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}"${more}>${escaped(said)}</text>`

/** Round numbers that enclose the values: steps of 1, 2 and 5, or powers of ten. */
const ticks = (values: ReadonlyArray<number>, log: boolean): ReadonlyArray<number> => {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  if (log) {
    const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))]
    return Array.from({ length: Math.max(to - from, 1) + 1 }, (_, index) => 10 ** (from + index))
  }
  const rough = most / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
}

/** Where values go between two ends, and the ticks that are shown there. */
const scale = ({ log = false }: Axis, values: ReadonlyArray<number>, from: number, to: number) => {
  const shown = ticks(values, log)
  const put = (value: number) => (log ? Math.log10(value) : value)
  const [least, most] = [put(shown[0]!), put(shown.at(-1)!)]
  return { shown, place: (value: number) => from + ((put(value) - least) / (most - least)) * (to - from) }
}

const number = (value: number): string => String(Number(value.toPrecision(3)))

const vertical = (axis: Axis, values: ReadonlyArray<number>) => {
  const { place, shown } = scale(axis, values, height - area.bottom, area.top)
  const grid = shown.flatMap((tick) => [
    `<line x1="${area.left}" x2="${width - area.right}" y1="${at(place(tick))}" y2="${at(place(tick))}" stroke="#ddd"/>`,
    text(area.left - 8, place(tick) + 4, number(tick), "end")
  ])
  const middle = (area.top + height - area.bottom) / 2
  const label = text(16, middle, axis.label, "middle", ` transform="rotate(-90 16 ${at(middle)})"`)
  return { place, drawn: [...grid, label] }
}

const frame = (title: string, names: ReadonlyArray<string>, drawn: ReadonlyArray<string>): string => {
  const step = (width - area.left - area.right) / names.length
  const legend = names.flatMap((name, index) => [
    `<rect x="${at(area.left + index * step)}" y="${height - 22}" width="10" height="10" fill="${colours[index]}"/>`,
    text(area.left + index * step + 15, height - 13, name, "start")
  ])
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(area.left, 24, title, "start", ' font-size="15" font-weight="bold"'),
    ...drawn,
    ...legend,
    "</svg>\n"
  ].join("\n")
}

/** Lines over an axis. */
export const lines = (title: string, x: Axis, y: Axis, all: ReadonlyArray<Line>): string => {
  const points = all.flatMap((line) => line.points)
  const across = scale(
    x,
    points.map(([value]) => value),
    area.left,
    width - area.right
  )
  const up = vertical(
    y,
    points.map(([, value]) => value)
  )
  return frame(
    title,
    all.map(({ name }) => name),
    [
      ...up.drawn,
      ...across.shown.map((tick) => text(across.place(tick), height - area.bottom + 18, number(tick))),
      text((area.left + width - area.right) / 2, height - area.bottom + 36, x.label),
      ...all.flatMap((line, index) => {
        const placed = line.points.map(([px, py]) => [at(across.place(px)), at(up.place(py))] as const)
        const path = placed.map((point) => point.join()).join(" ")
        return [
          `<polyline points="${path}" fill="none" stroke="${colours[index]}" stroke-width="2"/>`,
          ...placed.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="3" fill="${colours[index]}"/>`)
        ]
      })
    ]
  )
}

/** Bars in groups. */
export const bars = (title: string, y: Axis, names: ReadonlyArray<string>, groups: ReadonlyArray<Group>): string => {
  const up = vertical(
    y,
    groups.flatMap(({ values }) => values)
  )
  const step = (width - area.left - area.right) / groups.length
  const bar = (step * 0.75) / names.length
  const ground = height - area.bottom
  return frame(title, names, [
    ...up.drawn,
    ...groups.flatMap(({ name, values }, group) => [
      text(area.left + (group + 0.5) * step, ground + 18, name),
      ...values.flatMap((value, index) => {
        const left = area.left + (group + 0.125) * step + index * bar
        const top = up.place(value)
        return [
          `<rect x="${at(left)}" y="${at(top)}" width="${at(bar - 2)}" height="${at(ground - top)}" fill="${colours[index]}"/>`,
          text(left + bar / 2, top - 4, number(value))
        ]
      })
    ])
  ])
}
