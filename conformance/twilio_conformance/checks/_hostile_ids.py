"""Hostile identifiers: what an application may pass on in place of a SID, a region or an edge."""

from __future__ import annotations

from collections.abc import Mapping

SIDS: Mapping[str, str] = {
    "a path upwards": "{sid}/../../../../elsewhere",
    "a path upwards at the beginning": "../../{sid}",
    "two dots": "..",
    "one dot": ".",
    "two dots, encoded": "%2e%2e",
    "a path upwards, encoded": "{sid}%2F..%2F..",
    "a slash": "{sid}/Recordings",
    "a backslash": "{sid}\\..\\..",
    "a query": "{sid}?Status=canceled",
    "a query that hides the rest": "{sid}.json?x=",
    "a fragment": "{sid}#",
    "a path, a query and a fragment": "{sid}/../../x?y=1#z",
    "a user and a host": "@decoy.example/{sid}",
    "a URL": "https://decoy.example/{sid}",
    "a host": "//decoy.example/{sid}",
    "a path parameter": "{sid};x=1",
    "a colon": "{sid}:x",
    "a percent sign": "{sid}%",
    "a percent sign and a digit": "{sid}%0",
    "a line break": "{sid}\r\nX-Injected: 1",
    "a second request": "{sid} HTTP/1.1\r\nHost: api.twilio.com\r\n\r\nGET /elsewhere",
    "an encoded line break": "{sid}%0d%0aX-Injected:%201",
    "a space": "{sid} x",
    "a tab": "{sid}\t",
    "a zero byte": "{sid}\0",
    "letters that are not ASCII": "{sid}\u00e9\u4e2d",
    "a full stop that is not ASCII": "{sid}\u2024\u2024\uff0f",
    "a lone surrogate": "{sid}\ud800",
    "a right-to-left mark": "\u202e{sid}",
    "10,000 characters": "{sid}" + "0" * 10_000,
}
"""Values in place of a SID; {sid} stands for a well-formed one."""

LABELS: Mapping[str, str] = {
    "another domain": "decoy.example/",
    "another domain and a fragment": "decoy.example#",
    "another domain and a query": "decoy.example?",
    "another domain and a backslash": "decoy.example\\",
    "another domain behind a user": "{label}@decoy.example/",
    "a user": "x@{label}",
    "a port": "{label}:8443",
    "a port of another domain": "decoy.example:443/",
    "a path": "{label}/..",
    "a query": "{label}?x=1",
    "an inner dot": "{label}.decoy",
    "a final dot": "{label}.",
    "two dots": "..",
    "an encoded dot": "{label}%2edecoy",
    "an encoded slash": "decoy.example%2f",
    "a line break": "{label}\r\nX-Injected: 1\r\n",
    "a space": "{label} ",
    "an underscore": "{label}_x",
    "a full stop that is not ASCII": "decoy\u3002example\u2044",
    "letters that are not ASCII": "{label}\u00e9",
    "64 characters": "a" * 64,
    "10,000 characters": "a" * 10_000,
}
"""Values in place of a region or an edge; {label} stands for a well-formed one."""

STREAMS = {
    "a quotation mark": 'MZ","event":"stop',
    "a backslash": "MZ\\",
    "a line break": "MZ\r\n1",
    "a zero byte": "MZ\0",
    "letters that are not ASCII": "MZ\u00e9\u2028\u2029",
    "a script": "</script><script>",
    "10,000 characters": "MZ" + "0" * 10_000,
}
"""Values in place of a stream SID."""
