"""Runs a program that may connect neither by TCP nor to abstract Unix names from outside: landlock(7)."""
import ctypes
import os
import struct
import sys

CREATE_RULESET, RESTRICT_SELF = 444, 446  # the same numbers on every architecture
NEEDED_ABI = 6  # 4 knows TCP, 6 scopes
ACCESS_NET_CONNECT_TCP = 1 << 1
SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0
PR_SET_NO_NEW_PRIVS = 38

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    result = libc.syscall(number, *args)
    if result < 0:
        sys.exit("landlock: " + os.strerror(ctypes.get_errno()))
    return result


if call(CREATE_RULESET, None, ctypes.c_size_t(0), 1) < NEEDED_ABI:
    sys.exit("landlock: this kernel's is too old")
attributes = struct.pack("QQQ", 0, ACCESS_NET_CONNECT_TCP, SCOPE_ABSTRACT_UNIX_SOCKET)
ruleset = call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
call(RESTRICT_SELF, ruleset, 0)
os.close(ruleset)
os.execvp(sys.argv[1], sys.argv[1:])
