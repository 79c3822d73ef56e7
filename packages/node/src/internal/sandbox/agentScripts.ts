// The programs that live inside a box, as text: the agent (resident, POSIX sh), the slot that becomes one command,
// the named shell and the killer. The host keeps them in one directory for all boxes, read-only inside; requests are in the box's `q`.
//
// To the agent, one line each:                    From the box:
//   T key fifo          start a slot                S key pid            the slot's command starts
//   W key fifo          start a named shell         X key code lingering  the slot's process ended
//   K key nonce SIG g|m|s|q mark pid  signal        D key                end of the grace for lingering ones
//   Z SIG nonce         signal everything           F key                a fork failed   G key nonce   see K … q
//   P nonce             ping                        R pid | Z nonce | P nonce | K key nonce signalled remaining
// A slot reads one line from its FIFO, a named shell any number; the last fields are names of FIFOs in q:
//   id mark in out err script (in `-`: /dev/null)   N key pid            a fresh shell reads commands
//   B nonce                   (shells: a barrier)   B key nonce | H key code   barrier reached, shell ended
//
// Every process of an execution carries its mark as the soft limit on file locks. Linux has not enforced that
// limit since 2.4, every child inherits it through fork, exec, setsid, re-parenting and `env -i`, and
// /proc/PID/limits shows it: the mark finds what process groups and environment variables lose.

/** `agent.sh Q LIB GROUPS SETSID BASH ENV MARK`; GROUPS and MARK are empty in a box with its own pid namespace. */
export const agentScript = `Q=$1 P=$2 G=$3 S= B= E= L=-w M=$7 m=$7
exec 3>&1 4<&0 </dev/null >/dev/null 2>&1
umask 022
. "$Q/env.sh"
ulimit -S -w || L=-x
for x in "$4" /usr/bin/setsid /bin/setsid; do [ -x "$x" ] && S=$x && break; done
for x in "$5" /usr/bin/bash /bin/bash /bin/sh; do [ -x "$x" ] && B=$x && break; done
# A shell starts background children with INT and QUIT ignored, for good; only env can undo that.
[ -x "$6" ] && E="$6 --default-signal=INT,QUIT"
run() { [ -z "$G" ] || ulimit -S $L "$m"; exec $E \${S:+"$S"} "$@"; }
# Where no /proc shows the marks, files remember the process groups.
own() { [ -z "$G" ] || [ -r /proc/self/limits ] || : >"$G/$p"; }
echo "R $$" >&3
while IFS=' ' read -r op id a b c d e <&4; do case $op in
T) # Without \`command\`, dash would end when the fork fails.
   command eval '{
     # Says 254 when the fork of the child fails; without it nobody would ever hear of this slot.
     trap "echo X $id 254 0 >&3" 0
     exec 9<"$Q/$a"
     [ -n "$S" ] || set -m
     run sh "$P/slot.sh" "$Q" "$id" $L "$B" 4<&- & p=$!; exec 9<&-; own
     wait $p; x=$?; trap - 0
     if kill -s 0 -- "-$p"; then
       echo "X $id $x 1" >&3
       n=0; while [ $n -lt 10 ] && kill -s 0 -- "-$p"; do sleep 0.01; n=$((n+1)); done
       echo "D $id" >&3
     else echo "X $id $x 0" >&3; fi
   } &' || echo "F $id" >&3 ;;
W) command eval '{
     trap "echo F $id >&3" 0
     exec 9<>"$Q/$a"
     while :; do
       [ -n "$S" ] || set -m
       run "$B" "$P/shell.sh" "$Q" "$id" "\${G:+$m}" 4<&- & p=$!; own
       wait $p; x=$?
       echo "H $id $x" >&3
       [ -x "$B" ] || break
     done
   } &' || echo "F $id" >&3 ;;
K) case $c in
   m) x=0; kill -s "$b" "$e" && x=1; echo "K $id $a $x 0" >&3 ;;
   # The host looks for what is not in the group.
   q) kill -s "$b" -- "-$e"; echo "G $id $a" >&3 ;;
   *) set -- "$id" "$a" "$b" "$d" "$e"
      # The group needs no search; when all pids are taken it makes room, too.
      [ "$b$c" = KILLg ] && kill -s KILL -- "-$e"
      # The killer does without a process when there is none to be had.
      command eval '{ exec "$B" "$P/kill.sh" "$@" 4<&-; } &' || . "$P/kill.sh" ;;
   esac ;;
M) M="$M $id" ;;
Z) if [ -z "$G" ]; then kill -s "$id" -- -1
   else
     for x in "$G"/*; do kill -s "$id" -- "-\${x##*/}"; done
     set -- - - "$id" "$M" 0; . "$P/kill.sh"
   fi
   echo "Z $a" >&3 ;;
P) echo "P $id" >&3 ;;
esac; done
# End of file: the owner is gone or wants the end. Without an own pid namespace, -1 would be the user's session.
if [ -z "$G" ]; then kill -s KILL -- -1
else
  # Our own children first, or they would start what is killed again.
  trap "" TERM; kill -s TERM 0
  for x in "$G"/*; do kill -s KILL -- "-\${x##*/}"; done
  exec "$B" "$P/kill.sh" - - KILL "$M" 0
fi
`

/** `slot.sh Q KEY LIMITFLAG BASH`: waits, warm, for one command and becomes it. Events on 3, its line on 9. */
export const slotScript = `IFS=' ' read -r id mark in out err script <&9 || exit 0
[ "$in" = - ] && in=/dev/null || in=$1/$in
# Open before "started": the host may write and close at once, and a FIFO forgets what nobody has open.
exec <"$in" >"$1/$out" 2>"$1/$err" 9<&- || exit 254
ulimit -S $3 "$mark"
echo "S $2 $$" >&3
exec 3>&-
file=$1/$script
set -- "$4" "$1/$id.cmd"
. "$file"
`

/** `shell.sh Q KEY MARK`: a named shell. The user's code shares this process, hence the long names. */
export const shellScript = `__devbox_q=$1 __devbox_key=$2 __devbox_m=\${3:-unlimited} __devbox_l=-w __devbox_j=
# bash has another letter for the limit on file locks.
[ -z "\${BASH_VERSION-}" ] || __devbox_l=-x
set --
cd 2>/dev/null || cd /
echo "N $__devbox_key $$" >&3
while IFS=' ' read -r __devbox_id __devbox_mark __devbox_in __devbox_out __devbox_err __devbox_s <&9; do
  if [ "$__devbox_id" = B ]; then echo "B $__devbox_key $__devbox_mark" >&3; continue; fi
  [ "$__devbox_in" = - ] && __devbox_in=/dev/null || __devbox_in=$__devbox_q/$__devbox_in
  ulimit -S $__devbox_l "$__devbox_mark"
  echo "S $__devbox_id $$" >&3
  { . "$__devbox_q/$__devbox_s"; } <"$__devbox_in" >"$__devbox_q/$__devbox_out" 2>"$__devbox_q/$__devbox_err" 3>&- 9<&-
  __devbox_x=$?
  # The command is over: whoever kills what it left behind must not find the shell.
  ulimit -S $__devbox_l "$__devbox_m"
  if [ "\${!-}" != "$__devbox_j" ] && kill -0 "$!" 2>/dev/null; then
    echo "X $__devbox_id $__devbox_x 1" >&3
    __devbox_n=0
    while [ $__devbox_n -lt 10 ] && kill -0 "$!" 2>/dev/null; do command sleep 0.01; __devbox_n=$((__devbox_n+1)); done
    echo "D $__devbox_id" >&3
  else echo "X $__devbox_id $__devbox_x 0" >&3; fi
  __devbox_j=\${!-}
done
`

/** `kill.sh KEY NONCE SIG MARKS PID`: signals every process that carries one of the marks; builtins only. */
export const killScript = `# Sets v to the mark of the process at $d, or to nothing when it is gone. bash has the quicker way to read a file.
if [ -n "\${BASH_VERSION-}" ]; then
  eval 'mark() {
    l=(); v=; mapfile -t -n 12 l <"$d/limits"
    case \${l[11]-} in "Max file locks "*) v=\${l[11]#Max file locks}; v=\${v#"\${v%%[! ]*}"}; v=\${v%% *} ;; esac
  }'
else
  mark() {
    v=; while read -r x y z v w; do case $x$y$z in Maxfilelocks) return ;; esac; done <"$d/limits"
    v=
  }
fi
scan() {
  found= count=0 unsure=
  for d in /proc/[0-9]*; do
    mark
    hit=gone
    [ -z "$v" ] || case " $marks " in *" $v "*) hit=ours ;; *) hit= ;; esac
    # A zombie is gone already; it waits for its parent.
    [ "$hit" != ours ] || while read -r x y z; do case $x in State:) [ "$y" = Z ] && hit=gone; break ;; esac; done <"$d/status"
    # What ended during this search may have started something after the list of processes was made.
    [ "$hit" != gone ] || unsure=1
    [ "$hit" = ours ] || continue
    # The command's own process goes first, or it could still end with 0 because its children are gone.
    if [ "\${d#/proc/}" = "$main" ]; then found="$main $found"; else found="$found \${d#/proc/}"; fi
    count=$((count+1))
    case " $seen " in *" \${d#/proc/} "*) ;; *) seen="$seen \${d#/proc/}" total=$((total+1)) ;; esac
  done
}
sig=$3 marks=$4 main=$5 seen= total=0 round=0 found= count=0
if [ ! -r /proc/self/limits ]; then
  kill -s "$sig" -- "-$5" && total=1
  [ "$sig" = KILL ] || { kill -s 0 -- "-$5" && count=1; }
elif [ "$sig" != KILL ]; then
  scan; [ -z "$found" ] || { kill -s "$sig" $found; scan; }
else
  scan
  again=0
  while [ $round -lt 500 ]; do
    if [ -z "$found" ]; then
      [ -n "$unsure" ] && [ $again -lt 5 ] || break
      again=$((again+1)); scan; continue
    fi
    round=$((round+1)) again=0
    # Something forks faster than it is found: stop all of it first, what is stopped cannot fork.
    if [ $round -gt 2 ]; then
      n=-1; while [ $n != $count ]; do n=$count; kill -s STOP $found; scan; done
    fi
    [ -z "$found" ] || kill -s KILL $found
    scan
  done
fi
echo "K $1 $2 $total $count" >&3
`

/** Pid 1 of a box that util-linux built: `wait` reaps orphans. The agent is not pid 1, so that -1 spares only the agent. */
export const initScript = `exec 5<&0
sh "$2/agent.sh" "$@" <&5 5<&- & exec 5<&-
wait $!
`
