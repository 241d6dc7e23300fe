"""Reads documents as Python's clients and as Supervisor read them, and says what it has read.

On stdin each document follows its length, four bytes in the order of the network; on stdout each answer does. An answer
has two lines: what `supervisor.xmlrpc` makes of a call, and what `xmlrpc.client` makes of it. A line is a method name,
or "-", and values; or "no" and a reason. "?" marks one that has types or elements of which the reader knows nothing.
"""

import datetime
import re
import struct
import sys
import xmlrpc.client
from xml.etree.ElementTree import ParseError, iterparse
from io import StringIO

from supervisor.xmlrpc import supervisor_xmlrpc_handler

HANDLER = supervisor_xmlrpc_handler.__new__(supervisor_xmlrpc_handler)
KNOWN = set(HANDLER.unmarshallers) | {'value', 'methodName', 'params', 'member', 'name', 'methodCall', 'methodResponse'}


class Foreign(Exception):
    """A value that cannot be compared."""


def text(value):
    return value.encode('utf-8', 'surrogatepass').hex()


def written(value):
    """A value as the other side writes it. Base64 of UTF-8 is text: Supervisor knows no difference."""
    if value is None:
        return 'n'
    if isinstance(value, bool):
        return 'b%d' % value
    if isinstance(value, int):
        return 'i%d' % value
    if isinstance(value, float):
        return 'd' + ('nan' if value != value else struct.pack('>d', value).hex())
    if isinstance(value, str):
        return 's' + text(value)
    if isinstance(value, datetime.datetime):
        # Years below 1000 have all their digits with the other side.
        return 't%04d%s' % (value.year, value.strftime('%m%dT%H:%M:%S'))
    if isinstance(value, xmlrpc.client.DateTime):
        # Clients take whatever stands there.
        if not re.fullmatch('[0-9]{8}T[0-9]{2}:[0-9]{2}:[0-9]{2}', value.value):
            raise Foreign
        return 't' + value.value
    if isinstance(value, xmlrpc.client.Binary):
        try:
            return 's' + text(value.data.decode('utf-8'))
        except UnicodeDecodeError:
            return 'x' + value.data.hex()
    if isinstance(value, dict):
        return '{' + ''.join('%s=%s,' % (text(name), written(value)) for name, value in value.items()) + '}'
    if isinstance(value, (list, tuple)):
        return '[' + ''.join(written(value) + ',' for value in value) + ']'
    raise TypeError('a value of no type: %r' % type(value))


def refusal(error):
    if isinstance(error, xmlrpc.client.expat.ExpatError):
        return 'no expat %d' % error.code
    if isinstance(error, ParseError):
        return 'no expat %d' % error.code
    return 'no %s %s' % (type(error).__name__, str(error).splitlines()[0] if str(error) else '')


def of_supervisor(document):
    try:
        decoded = document.decode('utf-8')
        foreign = {element.tag for _, element in iterparse(StringIO(decoded))} - KNOWN
    except Exception as error:
        return refusal(error)
    mark = '? ' if foreign else ''
    try:
        params, method = HANDLER.loads(decoded)
        if not method:
            return mark + 'no method'
        return mark + text(method) + ' ' + written(params or ())
    except Exception as error:
        return mark + refusal(error)


def of_client(document):
    try:
        params, method = xmlrpc.client.loads(document)
        return (text(method) if method else '-') + ' ' + written(params)
    except xmlrpc.client.Fault as fault:
        try:
            return 'fault ' + written([fault.faultCode, fault.faultString])
        except Exception as error:
            return refusal(error)
    except Foreign:
        return '? '
    except Exception as error:
        return refusal(error)


def main():
    read, write = sys.stdin.buffer, sys.stdout.buffer
    while True:
        head = read.read(4)
        if len(head) < 4:
            return
        document = read.read(struct.unpack('>I', head)[0])
        answer = (of_supervisor(document) + '\n' + of_client(document)).encode('utf-8', 'replace')
        write.write(struct.pack('>I', len(answer)) + answer)
        write.flush()


main()
