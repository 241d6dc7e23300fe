//! Functions that take whatever bytes and check what must be true of them: that nothing panics, that what is written
//! and read is as it was, that a stream in pieces is the stream. `fuzz/` plays random bytes to them, and a test its
//! corpora. They are no part of what supervisord does, and nothing else is to use them.

pub use crate::{
    config::fuzzing::{env_file, expansion, ini, toml},
    ctl::fuzzing::{command_line, event_frames},
    process::output::fuzzing::{log_lines, output},
    rpc::handover::fuzzing::handover,
    server::fuzzing::{auth, forms, http, page_calls},
    upgrade::fuzzing::upgrade_state,
    xmlrpc::fuzzing::{http_answer, xmlrpc},
};
use crate::{
    events::{Change, Channel, Event, bytes_repr},
    process::{
        event_listener::{Listener, ListenerState, Verdict},
        notice::Notice,
        probe::judge,
    },
    states::ProcessState,
};

/// A function and its name, which is that of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All functions.
pub const TARGETS: &[Target] = &[
    ("auth", auth),
    ("command_line", command_line),
    ("env_file", env_file),
    ("event_frames", event_frames),
    ("events", events),
    ("expansion", expansion),
    ("forms", forms),
    ("page_calls", page_calls),
    ("handover", handover),
    ("http", http),
    ("http_answer", http_answer),
    ("ini", ini),
    ("listener", listener),
    ("log_lines", log_lines),
    ("notice", notice),
    ("output", output),
    ("probe_answer", probe_answer),
    ("toml", toml),
    ("upgrade_state", upgrade_state),
    ("xmlrpc", xmlrpc),
];

/// Play what an event listener says, line feed and all, at once and byte by byte. Each step is a byte that says what
/// supervisord does before, one that is a length, and so many bytes of the listener.
pub fn listener(data: &[u8]) {
    let new = || Listener::new("pool:listener");
    let (mut whole, mut cut, mut rest) = (new(), new(), data);
    while let [act, length, said @ ..] = rest {
        let (said, after) = said.split_at(said.len().min(usize::from(*length)));
        rest = after;
        let (mut from_whole, mut from_cut) = (Vec::new(), Vec::new());
        for (listener, steps) in [(&mut whole, &mut from_whole), (&mut cut, &mut from_cut)] {
            match (act % 8, listener.state()) {
                (0, _) => listener.started(),
                (1 | 2, ListenerState::Ready) => listener.given(),
                (3, ListenerState::Busy) => listener.judged(Verdict::Rejected, steps),
                (4, ListenerState::Busy) => listener.judged(Verdict::Failed, steps),
                (5 | 6, ListenerState::Busy) => listener.judged(Verdict::Processed, steps),
                _ => {}
            }
        }
        whole.wrote(said, &mut from_whole);
        for byte in said.chunks(1) {
            cut.wrote(byte, &mut from_cut);
        }
        assert_eq!(from_whole, from_cut, "what a listener says in pieces is what it says");
        assert_eq!(whole.state(), cut.state());
    }
}

/// Read bytes as a datagram of a program that notifies. What it says line by line is what it says at once, and fit to
/// be shown.
pub fn notice(data: &[u8]) {
    let whole = Notice::parse(data);
    let lines = data.split(|byte| *byte == b'\n').map(Notice::parse);
    assert_eq!(lines.fold(Notice::default(), Notice::followed_by), whole);
    if let Some(status) = whole.status {
        assert!(status.chars().count() <= 200 && !status.chars().any(char::is_control), "{status:?}");
    }
}

/// Judge bytes as the answer to a probe, at once and as they come.
pub fn probe_answer(data: &[u8]) {
    let whole = judge(data);
    for length in 0..data.len() {
        if let Some(result) = judge(&data[..length]) {
            assert_eq!(Some(result), whole, "what follows changes nothing");
        }
    }
}

/// Make events of bytes, and read their payloads as event listeners do. The first two bytes are the kind of event and
/// its state; up to the first line feed is the name of a process, then its output.
pub fn events(data: &[u8]) {
    const STATES: [ProcessState; 8] = [
        ProcessState::Stopped,
        ProcessState::Starting,
        ProcessState::Running,
        ProcessState::Backoff,
        ProcessState::Stopping,
        ProcessState::Exited,
        ProcessState::Fatal,
        ProcessState::Unknown,
    ];
    assert_eq!(unescaped(&bytes_repr(data)), data, "output that is no text comes back");
    let [kind, state, rest @ ..] = data else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (name, output) = (String::from_utf8_lossy(&rest[..end]), &rest[(end + 1).min(rest.len())..]);
    let (process, group, data) = (name.to_string(), "g".to_owned(), output.to_vec());
    let channel = if state & 1 == 0 { Channel::Stdout } else { Channel::Stderr };
    let (pid, text) = (i32::from(*state), String::from_utf8_lossy(output).into_owned());
    let event = match kind % 6 {
        0 => {
            let [from, to] = [state % 8, state / 8 % 8].map(|state| STATES[usize::from(state)]);
            let change = Change { from, to, tries: 1, pid, expected: state & 1 == 0 };
            Event::ProcessState { process, group, change }
        }
        1 => Event::ProcessLog { process, group, pid, channel, data },
        2 => Event::ProcessCommunication { process, group, pid, channel, data },
        3 => Event::RemoteCommunication { kind: process, data: text },
        4 => Event::ProcessGroupAdded { group: process },
        _ => Event::ProcessHealth { process, group, state: STATES[usize::from(state % 8)], pid, is_ok: state & 1 == 0 },
    };
    let payload = event.payload();
    let (head, body) = payload.split_once('\n').unwrap_or((&payload, ""));
    // Python's listeners split the first line at blanks, and each word at a colon; names have neither.
    if !name.contains([' ', ':']) {
        let words: Vec<(&str, &str)> =
            head.split(' ').map(|word| word.split_once(':').expect("each word has a name and a value")).collect();
        assert_eq!(words[0].1, name);
    }
    match &event {
        Event::ProcessLog { .. } | Event::ProcessCommunication { .. } => match std::str::from_utf8(output) {
            Ok(text) => assert_eq!(body, text),
            Err(_) => assert_eq!(unescaped(body.strip_prefix("Undecodable: ").expect("it is no text")), output),
        },
        Event::RemoteCommunication { .. } => assert_eq!(body, String::from_utf8_lossy(output)),
        _ => assert_eq!(body, ""),
    }
    assert!(event.size() <= payload.len() + output.len() + name.len());
}

/// Read bytes as Python prints them.
fn unescaped(printed: &str) -> Vec<u8> {
    let quoted = printed.strip_prefix('b').expect("it begins with a b");
    let inside = quoted.get(1..quoted.len() - 1).expect("it stands between quotes");
    let (mut bytes, mut rest) = (Vec::new(), inside.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().expect("something is escaped") {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let mut digit = || char::from(rest.next()?).to_digit(16);
                    let digits = digit().zip(digit()).expect("a byte has two digits");
                    u8::try_from(digits.0 * 16 + digits.1).expect("they are a byte")
                }
                other => other,
            },
            byte => byte,
        });
    }
    bytes
}
