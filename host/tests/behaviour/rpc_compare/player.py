import re
from http.client import HTTPException
from xml.parsers.expat import ExpatError
from xmlrpc.client import ProtocolError

system, supervisor, cache, twiddler = s.system, s.supervisor, s.cache, s.twiddler

class AsText(str):
    """Prints itself without quotes."""
    __repr__ = str.__str__

def alike(value, member=None):
    """The value without what is another in each run."""
    if isinstance(value, dict):
        return {name: alike(value[name], name) for name in sorted(value)}
    if isinstance(value, list):
        return [alike(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        if member in ('pid', 'start', 'stop', 'now'):
            return 'some' if value else 0
        return value
    if isinstance(value, str):
        value = value.replace(HERE, 'HERE')
        value = re.sub(r'pid \d+, uptime \d+:\d\d:\d\d', 'pid N, uptime T', value)
        value = re.sub(r'[A-Z][a-z][a-z] \d\d \d\d:\d\d [AP]M', 'DATE', value)
        value = re.sub(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}', 'WHEN', value)
        value = re.sub(r'-(stdout|stderr)---supervisor-\w{8}\.log', r'-\1---supervisor-X.log', value)
        return re.sub(r'pid \d+', 'pid N', value)
    if isinstance(value, Binary):
        return AsText('Binary(%r)' % value.data)
    return value

def until(name, *states):
    """Waits until a process is in one of the states."""
    deadline = time.monotonic() + 60
    while True:
        state = supervisor.getProcessInfo(name)['statename']
        if state in states:
            return state
        if time.monotonic() > deadline:
            raise TimeoutError('%s is %s' % (name, state))
        time.sleep(0.02)

def written(name, length):
    """Waits until a process has written so much."""
    deadline = time.monotonic() + 60
    while supervisor.tailProcessStdoutLog(name, 0, 0)[1] < length:
        if time.monotonic() > deadline:
            raise TimeoutError('%s has not written %d bytes' % (name, length))
        time.sleep(0.02)

def edit(old, new):
    """Changes the config file."""
    with open(HERE + '/supervisord.conf', encoding='utf-8') as file:
        text = file.read()
    assert old in text, old
    with open(HERE + '/supervisord.conf', 'w', encoding='utf-8') as file:
        file.write(text.replace(old, new))

def by_name(statuses):
    """For answers in order of completion, which no two runs share."""
    return sorted(statuses, key=lambda status: (status['group'], status['name']))

def call(name, *params):
    return {'methodName': name, 'params': list(params)}

for line in open(HERE + '/story.txt', encoding='utf-8'):
    line = line.strip()
    if not line or line.startswith('#'):
        continue
    try:
        answer = repr(alike(eval(line)))
    except Fault as fault:
        answer = 'fault %s %s' % (fault.faultCode, alike(fault.faultString))
    except ProtocolError as error:
        answer = 'HTTP %d' % error.errcode
    except (HTTPException, ConnectionError, ExpatError, UnicodeDecodeError) as error:
        answer = 'no answer: %s' % type(error).__name__
    print(line, answer, sep='\t')
