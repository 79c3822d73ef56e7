// What goes through the door: programs that enter a box's network namespace, open one socket there and hand it out. A socket
// stays in the namespace it was made in, so nothing has to stay inside with it. They speak what Node's IPC channels speak.
//
// In:   "connect id userPid pid netInode port" | "listen id userPid pid netInode port", as JSON text on a line
// Out:  the socket with {"id"}, or {"id","stage","errno"}; the stage is "enter" when the namespace is not there any more

/** setns(2), sendmsg(2). */
const calls: Readonly<Record<string, readonly [number, number]>> = { x64: [308, 46], arm64: [268, 211] }

/** The quick one: 5 MB for all boxes, a fork of it for each socket. `undefined` on a machine it was not written for. */
export const perlDoor = (): ReadonlyArray<string> | undefined => {
  const numbers = process.platform === "linux" ? calls[process.arch] : undefined
  return numbers === undefined ? undefined : ["-e", perl, ...numbers.map(String)]
}

// The structures are those of 64 bit Linux: iovec, cmsghdr with SCM_RIGHTS, msghdr, sockaddr_in of 127.0.0.1. CLONE_NEWUSER
// comes first: it is what gives the right to enter the network. A connection that nobody accepts is given up, and whoever
// waits for one dies with the last owner of the channel.
const perl = String.raw`
my ($setns, $sendmsg) = @ARGV;
$SIG{CHLD} = "IGNORE"; $SIG{PIPE} = "IGNORE";
open(my $channel, "+<&=", $ENV{NODE_CHANNEL_FD}) or exit 1;
sub answer {
  my ($text, $fd) = ("$_[0]\n", $_[1]);
  my $part = pack("P Q", $text, length $text);
  my $rights = defined $fd ? pack("Q i i i x4", 20, 1, 1, $fd) : "";
  my $control = defined $fd ? pack("P Q", $rights, length $rights) : pack("Q Q", 0, 0);
  syscall($sendmsg, fileno $channel, pack("Q L x4 P Q", 0, 0, $part, 1) . $control . pack("i x4", 0), 0);
}
sub enter {
  my ($op, $id, $user, $pid, $inode, $port) = @_;
  my $stage = "enter";
  my $fail = sub { answer(sprintf '{"id":%d,"stage":"%s","errno":%d}', $id, $stage, $_[0]); kill 9, $$ };
  open(my $userns, "<", "/proc/$user/ns/user") or $fail->($!);
  open(my $netns, "<", "/proc/$pid/ns/net") or $fail->($!);
  (stat $netns)[1] == $inode or $fail->(3);
  syscall($setns, fileno $userns, 0x10000000) == 0 or $fail->($!);
  syscall($setns, fileno $netns, 0x40000000) == 0 or $fail->($!);
  $stage = $op;
  local $SIG{ALRM} = sub { $fail->(110) };
  alarm 10;
  socket(my $socket, 2, 1, 0) or $fail->($!);
  my $address = pack("S n a4 x8", 2, $port, "\x7f\0\0\1");
  if ($op eq "connect") { connect($socket, $address) or $fail->($!) }
  else { bind($socket, $address) or $fail->($!); listen($socket, 511) or $fail->($!) }
  my $type = $op eq "connect" ? "net.Socket" : "net.Server";
  answer(qq({"cmd":"NODE_HANDLE","type":"$type","msg":{"id":$id}}), fileno $socket);
  kill 9, $$;
}
my $text = "";
while (sysread $channel, $text, 65536, length $text) {
  while ($text =~ s/^(.*)\n//) {
    my @words = $1 =~ /^"(connect|listen) (\d+) (\d+) (\d+) (\d+) (\d+)"$/ or next;
    my $kid = fork;
    if (!defined $kid) { answer(sprintf '{"id":%d,"stage":"fork","errno":%d}', $words[1], $!) }
    elsif ($kid == 0) { enter(@words) }
  }
}
kill 9, -$$;
`

/** The one for machines without Perl: a process in each box's network, entered by nsenter. */
export const nodeDoor = String.raw`
const net = require("node:net"), fs = require("node:fs")
const { errno } = require("node:os").constants
process.on("disconnect", () => process.exit())
process.on("message", (line) => {
  const [op, id, , , inode, port] = String(line).split(" ").map((word, at) => at === 0 ? word : Number(word))
  const fail = (stage) => (error) => process.send({ id, stage, errno: errno[error.code] ?? 5 })
  if (fs.statSync("/proc/self/ns/net").ino !== inode) return fail("enter")({ code: "ESRCH" })
  if (op === "connect") {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })), 10000)
    socket.once("error", (error) => { clearTimeout(timer); fail(op)(error) })
    socket.once("connect", () => { clearTimeout(timer); socket.pause(); process.send({ id }, socket) })
  } else {
    const server = net.createServer()
    server.once("error", fail(op))
    server.listen(port, "127.0.0.1", () => process.send({ id }, server, () => server.close()))
  }
})
`
