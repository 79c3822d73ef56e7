// Where things are: the files of a box on the host and the places they have inside.
import * as fs from "node:fs";
import * as path from "node:path";
import { agentScript, initScript, killScript, shellScript, slotScript } from "./agentScripts.ts";
import { exportLines } from "./quote.ts";
import type { BoxSpec } from "./types.ts";

/** The request directory as the box sees it. */
export const insideQ = "/run/devbox/q";

/** FIFOs that the launcher makes on its way, so that the first executions find them. */
export const firstFifos: ReadonlyArray<string> = Array.from({ length: 5 }, (_, index) => `l.${index}`);

export const boxDirs = (dir: string) => ({
  /** What the box wrote: the overlay's upper layer. */
  upper: path.join(dir, "upper"),
  work: path.join(dir, "work"),
  /** Where the overlay is mounted, in a mount namespace that only the box has. */
  merged: path.join(dir, "m"),
  /** Requests: scripts and FIFOs, read-only inside. */
  requests: path.join(dir, "q"),
  /** Journals, invisible inside. */
  output: path.join(dir, "o"),
  /** Process tier: the private home. */
  home: path.join(dir, "home"),
  /** Process tier: one empty file per process group. */
  groups: path.join(dir, "g")
});

const writeScripts = (q: string): void => {
  fs.writeFileSync(`${q}/agent.sh`, agentScript);
  fs.writeFileSync(`${q}/slot.sh`, slotScript);
  fs.writeFileSync(`${q}/shell.sh`, shellScript);
  fs.writeFileSync(`${q}/kill.sh`, killScript);
  fs.writeFileSync(`${q}/init.sh`, initScript);
};

const environment = (spec: BoxSpec, home: string): Record<string, string> => {
  if (spec.report.launcher === "process") {
    const nodeDir = path.dirname(process.execPath);
    return {
      PATH: `${nodeDir}:${process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"}`,
      HOME: home,
      USER: process.env["USER"] ?? "user",
      LOGNAME: process.env["LOGNAME"] ?? "user",
      SHELL: "/bin/bash",
      TERM: "xterm-256color",
      LANG: process.env["LANG"] ?? "C.UTF-8",
      ...spec.env
    };
  }
  return {
    PATH: "/home/user/.local/bin:/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/home/user",
    USER: "user",
    LOGNAME: "user",
    SHELL: "/bin/bash",
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    ...spec.env
  };
};

/** Makes the directories and the agent's files. Safe to repeat: a resumed box keeps `upper`, requests start empty. */
export const prepareBoxDir = (spec: BoxSpec): void => {
  const dirs = boxDirs(spec.dir);
  const { uid, gid, drops, launcher } = spec.report;
  const boxes = path.dirname(spec.dir);
  if (fs.mkdirSync(boxes, { recursive: true, mode: 0o755 }) !== undefined) fs.chmodSync(boxes, 0o755);
  // A root owner keeps the directory; the box's user may only pass through it.
  fs.mkdirSync(spec.dir, { recursive: true, mode: 0o700 });
  if (drops) {
    fs.chownSync(spec.dir, 0, gid);
    fs.chmodSync(spec.dir, 0o710);
  }
  fs.rmSync(dirs.requests, { recursive: true, force: true });
  fs.mkdirSync(dirs.requests, { mode: 0o755 });
  fs.chmodSync(dirs.requests, 0o755);
  if (drops) fs.chownSync(dirs.requests, uid, gid);
  fs.mkdirSync(dirs.output, { recursive: true, mode: 0o700 });
  if (launcher === "process") {
    fs.mkdirSync(dirs.home, { recursive: true, mode: 0o700 });
    fs.rmSync(dirs.groups, { recursive: true, force: true });
    fs.mkdirSync(dirs.groups, { mode: 0o700 });
  } else {
    for (const dir of [dirs.upper, dirs.work, dirs.merged]) {
      if (fs.existsSync(dir)) continue;
      fs.mkdirSync(dir, { mode: 0o755 });
      if (drops) fs.chownSync(dir, uid, gid);
    }
  }
  writeScripts(dirs.requests);
  fs.writeFileSync(`${dirs.requests}/env.sh`, exportLines(environment(spec, dirs.home)), { mode: 0o644 });
};
