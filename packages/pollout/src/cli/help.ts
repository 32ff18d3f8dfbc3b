/** What `--help` adds to the options: forms, examples, exit codes, fields. */

const ENDPOINTS = `
Endpoints:
  tcp://host:port     host name or IPv4 address, port 0 to 65535
  tcp://[v6]:port     IPv6 address, with a zone where it needs one: tcp://[fe80::1%eth0]:80
  unix:/path          Unix-domain socket
  unix:@name          the same in Linux's abstract namespace
  udp://host:port     connected UDP socket: reached without anybody's answer
  unixgram:/path      Unix-domain datagram socket; unixpacket: for one that keeps packets in order
  vsock://cid:port    virtual machine or host, by number`

const NAMES = `
Names, by --resolver:
  dns         hosts file, search list and servers as /etc/hosts and /etc/resolv.conf have them, without getaddrinfo(3):
              100 questions at once, which end with the connect that asked; the default
  192.0.2.53,[2001:db8::53]:53
              the same, but these servers
  system      getaddrinfo(3), 32 at once: for names that come by mDNS, LDAP and other services of nsswitch.conf(5)
Answers are kept for their time to live. A name that waits for its turn here loses none of its --timeout-ms.`

const EXIT_CODES = `
Exit codes:
  0  all connected
  1  some did not, or an answer had not ended in time
  2  wrong usage: an option, a target on the command line, a list that can't be read or is empty, an output that is also
     read, or that another run writes to
  3  the output, or the checkpoint, can't be written
  130, 143  stopped by Ctrl-C (SIGINT) or SIGTERM; a second one kills at once
  141  whoever read standard output went away`

const FIELDS = `
  event      "connected" or "error"
  endpoint   URI as normalised; the raw text where it is none
  backend    "native" or "net"
  elapsedMs  from the first system call for it to its end, milliseconds
  local      this side's address, "127.0.0.1:51234"; null where there is none
  peer       the address that answered or was tried last; null where there was none
  Only for "error":
  code       "ECONNREFUSED", ...: the system's name, or one of ERR_...
  errno      the system's number, negated (-111); null where no system call failed
  phase      "resolve", "policy", "local", "connect", "tls", "send", "receive"; "aborted": stopped before its end
  localFault true: the trouble is on this side and says nothing about the peer
  message    one line for people
  Further:`

export const MAIN_HELP = `${ENDPOINTS}
${EXIT_CODES}

Examples:
  pollout connect tcp://127.0.0.1:80
  pollout connect tcp://127.0.0.1:6379 --send 'PING\\r\\n'
  pollout fanout 10.1.0.0/16 -p 22,443 --rate 2000
  pollout load http://127.0.0.1:8080/ -R 1000 -d 10s

More: pollout connect --help, pollout fanout --help, pollout load --help, pollout doctor --help`

export const DOCTOR_HELP = `
It makes one connect to a listener of its own on 127.0.0.1, and sends nothing elsewhere.

Exit codes:
  0  the native backend works
  1  the portable one only, or none; "remedy" says what would help, if anything does
  2  wrong usage

With --json: backend, reason, remedy, addon, runtime, platform, libc, kernel, and tried, null or what went wrong.`

export const BUILD_ADDON_HELP = `
It needs g++ or clang++, and Node's headers where they came with it, in include/node; POLLOUT_NODE_HEADERS names another
folder of them. Without -o it goes to where the package looks for it. With -o, set POLLOUT_ADDON to that file.

Exit codes:
  0  compiled, and loads
  1  not compiled; why stands on standard error
  2  wrong usage`

export const CONNECT_HELP = `
Tries all endpoints at once. One line for each, as it ends: "connected ..." on standard output, "failed ..." on
standard error. One endpoint that is none is refused before any is tried. When it is stopped, by Ctrl-C say, what has no
outcome yet gets ABORT_ERR.

host:port is tcp://host:port. tls://host:port makes a TLS handshake, and checks the certificate.

With --send each connection gets <text>, and the peer's answer goes to standard output until the peer ends, is silent for
--timeout-ms, or is not done after --answer-timeout-ms, which is a failure. One second after an answer, and after the end
of what is piped in with --send -, this side's stream is ended, on which most peers end theirs. What is piped in is sent to
its end, and waited for, also where the peer has ended its own stream: it may go on reading. The answer is written byte
for byte; on a terminal, control and invisible characters as \\u001b.  "connected"
lines go to standard error then, and of several endpoints one answer follows the other.
${ENDPOINTS}
${NAMES}

With --json, one object a line on standard output:${FIELDS}
  received   with --send: the answer as text, its first 64 KiB; "truncated" is true where it was longer
  receivedBase64  its bytes, where they are no UTF-8
  receivedEnd     "ended" or "reset" by the peer; "silent"; "timed-out"; "full": not read further; "stopped"
  tls        of tls://: { protocol, cipher, authorized, certificate, ... }
${EXIT_CODES}

Examples:
  pollout connect tcp://127.0.0.1:80 tcp://[::1]:80 unix:/run/app.sock
  pollout connect tcp://127.0.0.1:80 --send 'GET / HTTP/1.0\\r\\n\\r\\n'
  pollout connect tcp://db.internal:5432 --timeout-ms 500 --json`

export const FANOUT_HELP = `
Connect to networks that are yours, or whose owners have asked you to: elsewhere this is taken for an attack, and may be
against the law. 1,000 connects a second are a pace that most networks bear; ask before you go beyond it.

Targets, as arguments or a line each in lists:
  host:ports, [v6]:ports     ports as with -p: 443, 8000-8010, 22,80
  host                       name or address; its ports by -p
  10.0.0.0/8, 10.0.0.1-9     all addresses of a block or a range, also with :ports
  tcp://host:port, ...       endpoints as below
  {"host": "10.0.0.1", "port": 22, "id": 7}
                             JSON: "endpoint", or "host" and "port" or "ports"; other fields come back as "input"
Blank lines are passed over, and so are comments, from a # to the end of the line (after unix: and JSON: from a blank and a
#), here as in --exclude-file. A line that is no target is an outcome like others, "invalid". What stands there twice is
tried twice. What is excluded is no target: it is in no total. Names are excluded in whatever script they are written.

The order is random, so that no network gets many connects in a row: a permutation computed from the seed. Nothing is
held but an index of the lists, about a byte a line; what comes by a pipe is kept in a file meanwhile. --shard takes
every n-th target, whatever the seeds are. With --stream nothing is kept, and the order is that of the list.

Each target has one outcome:
  connected     by then reset again, or looked at by --tls, --send, --expect, --banner
  refused       nobody listens there
  timed-out     no answer
  unreachable   the network says that there is no way
  denied        by --allow, --deny, --public-only; or a name stands for an excluded address
  local         this machine could not try
  invalid       no target
  other         names that can't be resolved ("(name)" behind the code in the summary), ...
  probe-failed  connected, but the handshake failed, --expect did not match, the connection broke
  skipped       by --max-host-errors, which counts timed-out, unreachable and other (after --resume anew)
${ENDPOINTS}
${NAMES}

--expect takes text as it stands: '220 (ready)'. /pattern/flags is a regular expression, with flags i, m, s and u and without
look-around and back references, so that no answer takes long to search. It is about bytes, of which \\xff is one, unless it
has the flag u or characters beyond ASCII: then about UTF-8. $ and \\b are also true where an answer has come to a halt.
The first 64 KiB are searched. Without --expect an answer is over after 250 ms of silence.

Control and invisible characters of what peers send are shown as \\n, \\u001b, \\u202e, in every format.

Standard output has a line for each that is connected, probe-failed or invalid, or what --only says; with --json or --csv
for every target. The summary goes to standard error, and so does a line of progress where that is a terminal. It says
whether the pace was not kept, and why.

With --json:
  event      "connected" or "error"
  kind       the outcome, as above
  endpoint   URI as normalised; the raw text where it is none
  peer       the address that answered or was tried last; null where there was none
  elapsedMs  from the first system call of the last try to its end, milliseconds
  endedAt    ISO 8601
  tries      1, or more with --retries; 0 where nothing was tried
  Only for "error":
  code       "ECONNREFUSED", ...: the system's name, or one of ERR_...
  errno      the system's number, negated (-111); null where no system call failed
  phase      "parse", "resolve", "policy", "local", "connect", "tls", "send", "receive"
  localFault true: the trouble is on this side and says nothing about the peer
  message    one line for people
  Further:
  followedBy connected, and lost before it was looked at: "ECONNRESET" of a peer that accepts and resets, "EPIPE"
  probe      { tls: { protocol, cipher, authorized, certificate, ... }, banner, bannerEnd, matched, probeMs }
  banner     as text, UTF-8; where the bytes are none, they stand in "bannerBase64"
  bannerEnd  "ended" or "reset" by the peer; "silent"; "timed-out": still sending then; "full": not read further; "matched"
  input      the own fields of a JSON line
  line       for "invalid": the number of the line

--checkpoint keeps in a file how far the run has come. The same command with --resume goes on with it, whatever has
ended the run, kill -9 and power failures included: every target gets its outcome, in the output once. Those that were
in flight are tried again. (After a power failure that may go for the last 5 seconds.) Pace, patience and the number of
retries may be changed; what changes the targets, their lines, or what may be connected to is refused. So is an output that
somebody else has cut or changed in what was saved of it: which outcomes are lost could not be told.

A file that is read is never written to, and what one run writes no other one does: both are refused before anything is
changed, however the files are called. Runs in other network namespaces or on other machines (NFS) are not seen.
${EXIT_CODES}

Examples:
  pollout fanout 10.1.0.0/16 -p 22,443
  pollout fanout -l hosts.txt -p 443 --tls --json -o out.jsonl --checkpoint out.state
  pollout fanout -l hosts.txt -p 25 --expect '/^220 /' --only all
  pollout fanout 192.0.2.0/24 -p - --exclude 192.0.2.1,:9100 --shard 1/3
  tail -f new-hosts | pollout fanout --stream --json | jq -r 'select(.event == "connected").endpoint'`

export const LOAD_HELP = `
Load a server that is yours, or whose owner has asked you to.

An open loop is the default: each request has a moment at which it is to be sent, planned before the run from the rate and the
seed, and a response counts from that moment. A server that stalls does not slow the plan down, so its stall is seen by all
requests that would have come meanwhile, as its users would see it. With --closed a connection sends its next request when it
has the answer: that finds how much a server can take, and says little about how long its users wait.

The table has a clock for each part of the way:
  response   from when it was due until its answer was here: what a user waits
  no connection free, sent late by this side, server and network, unread on this side: what it is made of
"server and network" ends when the kernel had the last byte, where it can tell.

Percentiles with fewer than ten samples beyond them are not shown. A run whose own lateness, or own processor, would spoil a
percentile that it shows is invalid: it says why, and ends with exit code 4.

Requests with --send and --body may have fields, made anew each time: {{counter:6}} (6 digits), {{number:1-1000}}, {{text:8}}.

Exit codes:
  0  done, and all thresholds were met
  1  a threshold was missed, or nobody answered
  2  wrong usage
  3  the output can't be written
  4  invalid: this side was what was measured
  130, 143  stopped by Ctrl-C (SIGINT) or SIGTERM: the result so far was told; a second one kills at once
  141  whoever read standard output went away

Examples:
  pollout load http://127.0.0.1:8080/ -R 5000 -d 30s -c 100 --threshold 'p99<10ms'
  pollout load http://127.0.0.1:8080/ --closed -c 64
  pollout load redis://127.0.0.1 -R 20000 --poisson --send 'GET key{{number:1-1000}}\\r\\n'
  pollout load tcp://127.0.0.1:7 --send 'hello\\n' --until '\\n' --stages 100:10s,1000:60s`
