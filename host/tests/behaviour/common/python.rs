//! Python sessions against a running supervisord, checked by Python's own `doctest`.

use super::{Peers, Sandbox, ctl};

/// What every session finds ready. `xmlrpclib` is the name that the module had when the manuals were written.
const PRELUDE: &str = r#"
import datetime, socket, sys, time, xmlrpc.client
from xmlrpc.client import Binary, Boolean, DateTime, Fault, ServerProxy
from supervisor.xmlrpc import SupervisorTransport
sys.modules['xmlrpclib'] = xmlrpclib = xmlrpc.client

PORT, SOCKET, HERE = {port}, '{here}/supervisor.sock', '{here}'

def settle():
    """Waits until the children of Supervisor are their programs: before that they lose the signals that they are sent."""
    def command(pid):
        return open('/proc/%s/cmdline' % pid, 'rb').read()
    try:
        pid = open(HERE + '/supervisord.pid').read().strip()
        for child in open('/proc/%s/task/%s/children' % (pid, pid)).read().split():
            while command(child) == command(pid):
                time.sleep(0.001)
    except (OSError, ValueError):
        pass # Whoever has ended waits for nothing.

class Inet(xmlrpc.client.Transport):
    def request(self, *args, **options):
        settle()
        return super().request(*args, **options)

class Unix(SupervisorTransport):
    def request(self, *args, **options):
        settle()
        return super().request(*args, **options)

inet = ServerProxy('http://127.0.0.1:%d' % PORT, Inet(), allow_none=True)
unix = ServerProxy('http://127.0.0.1', Unix('', '', 'unix://' + SOCKET), allow_none=True)
s = inet

def fault(method, *args):
    """The fault that the call ends in."""
    try:
        print('no fault but', repr(method(*args)))
    except Fault as fault:
        print(fault.faultCode, fault.faultString)

def same(value):
    """Whether the cache gives out what was put in, type and all."""
    s.cache.store('same', value)
    found = s.cache.fetch('same')
    return found == value and type(found) is type(value) or found

def post(body, path='/RPC2', headers={}):
    """Status and body of the answer to a request that no Python client would write."""
    import http.client
    connection = http.client.HTTPConnection('127.0.0.1', PORT, timeout=30)
    connection.request('POST', path, body, {'Content-Type': 'text/xml', **headers})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
"#;

const RUNNER: &str = r"
import doctest
parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.REPORT_ONLY_FIRST_FAILURE)
test = parser.get_doctest(open(HERE + '/session.txt', encoding='utf-8').read(), dict(globals()), 'session', 'session', 0)
sys.exit(1 if runner.run(test).failed or not test.examples else 0)
";

/// Plays `session`, a transcript with `>>>` prompts, and gives what `doctest` says against it, if anything.
pub fn doctest(sandbox: &Sandbox, port: u16, session: &str) -> Result<(), String> {
    let session = session.replace("{here}", sandbox.here()).replace("{port}", &port.to_string());
    sandbox.write("session.txt", session);
    let output = script(sandbox, port, RUNNER);
    if output.status == 0 { Ok(()) } else { Err(output.stdout + &output.stderr) }
}

/// Runs a Python script after the prelude.
pub fn script(sandbox: &Sandbox, port: u16, script: &str) -> ctl::Output {
    let prelude = PRELUDE.replace("{port}", &port.to_string()).replace("{here}", sandbox.here());
    let file = sandbox.write("script.py", prelude + script);
    ctl::run(sandbox.command(Peers::get().program("python")).arg("-W").arg("ignore").arg(file), "")
}
