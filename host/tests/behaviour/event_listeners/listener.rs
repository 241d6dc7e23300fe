//! A listener that writes down what it is sent.

use crate::common::{Config, Peers, Sandbox, wait_until};

/// Speaks the protocol over `stdin` and `stdout` as its manual has it. What `answer(n, headers)` returns is sent in
/// place of `RESULT 2\nOK`.
const SCRIPT: &str = r"
import os, sys
NOTES = open(os.path.join(os.path.dirname(sys.argv[0]), sys.argv[1]), 'a', encoding='utf-8')
count = 0
def answer(n, headers):
    return 'RESULT 2\nOK'
exec(open(sys.argv[2]).read() if len(sys.argv) > 2 else '')
while True:
    sys.stdout.write('READY\n')
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        break
    headers = dict(pair.split(':', 1) for pair in line.split())
    payload = sys.stdin.read(int(headers['len']))
    NOTES.write(line.rstrip('\n') + '\t' + payload.replace('\\', '\\\\').replace('\n', '\\n') + '\n')
    NOTES.flush()
    sys.stdout.write(answer(count, headers))
    sys.stdout.flush()
    count += 1
";

/// What a listener was sent once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The first line, without its end.
    pub(crate) header: String,
    /// What followed.
    pub(crate) payload: String,
}

impl Note {
    /// A field of the header.
    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.header.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {name} in {:?}", self.header))
    }

    pub(crate) fn event(&self) -> &str {
        self.field("eventname")
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.field(name).parse().unwrap_or_else(|_| panic!("{name} is no number in {:?}", self.header))
    }
}

/// Puts the script into the sandbox.
pub(crate) fn install(sandbox: &Sandbox) {
    sandbox.write("listener.py", SCRIPT);
}

/// `command=` of a listener that writes its notes to that file; `answers` is a file with a Python `answer(n, headers)`.
pub(crate) fn command(notes: &str, answers: Option<&str>) -> String {
    let python = Peers::get().program("python");
    let answers = answers.map_or_else(String::new, |file| format!(" {{here}}/{file}"));
    format!("command={} -X utf8 {{here}}/listener.py {notes}{answers}", python.display())
}

/// Adds `[eventlistener:name]`, whose notes go to `name.notes`.
pub(crate) fn with_listener(config: Config, name: &str, lines: &str) -> Config {
    let header = format!("eventlistener:{name}");
    let files = format!("stdout_logfile={{here}}/{name}.out\nstderr_logfile={{here}}/{name}.err");
    config.section(&header, &command(&format!("{name}.notes"), None)).section(&header, &files).section(&header, lines)
}

/// What the listener of that file has noted so far.
pub(crate) fn notes(sandbox: &Sandbox, file: &str) -> Vec<Note> {
    let text = sandbox.read(file);
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let note = |line: &str| {
        let (header, payload) = line.split_once('\t').unwrap_or_else(|| panic!("{line:?} is no note"));
        // A lone `\n` is none of what `\\n` stands for.
        let payload = payload.replace("\\\\", "\0").replace("\\n", "\n").replace('\0', "\\");
        Note { header: header.to_owned(), payload }
    };
    whole.lines().map(note).collect()
}

/// Waits until it has noted an event of that type whose payload contains that.
#[track_caller]
pub(crate) fn wait_for_note(sandbox: &Sandbox, file: &str, event: &str, payload: &str) {
    wait_until(&format!("{file} has {event} with {payload:?}"), || {
        notes(sandbox, file).iter().any(|note| note.event() == event && note.payload.contains(payload))
    });
}
