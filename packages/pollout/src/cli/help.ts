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

const EXIT_CODES = `
Exit codes:
  0  all connected
  1  some did not
  2  wrong usage: an option, an endpoint on the command line, a list that can't be read or is empty
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
  phase      "parse", "resolve", "policy", "local", "connect", "send", "receive"
  localFault true: the trouble is on this side and says nothing about the peer
  message    one line for people
  Further:`

export const MAIN_HELP = `${ENDPOINTS}
${EXIT_CODES}

Examples:
  pollout connect tcp://127.0.0.1:80
  pollout connect tcp://127.0.0.1:6379 --send 'PING\\r\\n'
  pollout fanout hosts.txt --concurrency 5000 --timeout-ms 2000

More: pollout connect --help, pollout fanout --help`

export const CONNECT_HELP = `
Tries all endpoints at once. One line for each, as it ends: "connected ..." on standard output, "failed ..." on
standard error. One endpoint that is none is refused before any is tried.

With --send each connection gets <text>, and the peer's answer goes to standard output until the peer ends, or is silent
for --timeout-ms. One second after an answer this side's stream is ended, on which most peers end theirs. "connected"
lines go to standard error then, and of several endpoints one answer follows the other.
${ENDPOINTS}

With --json, one object a line on standard output:${FIELDS}
  received   with --send: the answer as text, its first 64 KiB
${EXIT_CODES}

Examples:
  pollout connect tcp://127.0.0.1:80 tcp://[::1]:80 unix:/run/app.sock
  pollout connect tcp://127.0.0.1:80 --send 'GET / HTTP/1.0\\r\\n\\r\\n'
  pollout connect tcp://db.internal:5432 --timeout-ms 500 --json`

export const FANOUT_HELP = `
The list has one endpoint a line; blank lines and lines that start with # are passed over. It is read as it is needed,
so it may be of any length. A line that is no endpoint is an outcome like others, "invalid". A connection is reset
as soon as it is made. At the end comes a summary: outcomes by kind and code, connects tried per second, latency
percentiles of those that connected. It goes to standard output, or with --json to standard error. A progress line
with the time left appears on standard error when that is a terminal.
${ENDPOINTS}

With --json, one object a line on standard output as each ends:${FIELDS}
  kind       "connected", "refused", "timed-out", "unreachable", "denied", "local",
             "invalid", "other"
  line       for "invalid": the number of the line
${EXIT_CODES}

Examples:
  pollout fanout hosts.txt
  pollout fanout hosts.txt --concurrency 10000 --rate 20000 --timeout-ms 2000
  seq -f 'tcp://10.0.0.%g:22' 254 | pollout fanout --json | jq -r 'select(.event == "connected").endpoint'`
