//! The protocol of one event listener as a value: what it writes to its stdout, and what follows from it.
//!
//! A listener says `READY\n` when it wants an event and `RESULT 2\nOK` when it is done with one. It starts out as if it
//! had just answered. Whatever else it says ends the conversation until its next start: its state is UNKNOWN then.

use serde::{Deserialize, Serialize};

use crate::{config::Level, events};

const READY: &[u8] = b"READY\n";
/// Length of the word before the number in a result line; that it is really this word Supervisor does not look at.
const RESULT_LEN: usize = b"RESULT ".len();
/// A result line is a dozen bytes, and a result a word. Past these no end is waited for.
const LONGEST_RESULT_LINE: usize = 64 * 1024;
const LONGEST_RESULT: usize = 16 * 1024 * 1024;

/// State of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerState {
    /// The listener has answered, or has just been started, and has not asked for an event yet.
    Acknowledged,
    /// The listener wants an event.
    Ready,
    /// The listener has an event.
    Busy,
    /// The listener said what it should not.
    Unknown,
}

impl ListenerState {
    /// Name of the state, as the log has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Ready => "READY",
            Self::Busy => "BUSY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Judgement on the answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The listener is done with it.
    Processed,
    /// The event is to be sent again.
    Rejected,
    /// Whoever should have judged the answer could not: the event is to be sent again, and not to this listener.
    Failed,
}

/// Consequence of what a listener wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Log this line.
    Log(Level, String),
    /// Judge this answer; until [`Listener::judged`] nothing else happens.
    Judge(Vec<u8>),
    /// The listener is done with its event.
    Done,
    /// Send its event again, to whoever wants one.
    Return,
}

/// Reason why a listener receives no events: its own doing.
const OF_PROTOCOL: &str = "it must write READY and RESULT lines to its stdout and nothing else, and whatever is meant \
                           for people to its stderr";

/// Reason why a listener receives no events: its handler's doing.
const OF_HANDLER: &str = "it has kept to the protocol, but its result handler failed to judge what it answered";

/// One event listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    name: String,
    state: ListenerState,
    /// Bytes that it wrote and that were not looked at yet.
    #[serde(with = "serde_bytes")]
    said: Vec<u8>,
    /// Length of its answer, once its result line is there.
    result_len: Option<usize>,
    /// Answer that is being judged.
    #[serde(with = "serde_bytes", default)]
    judged: Option<Vec<u8>>,
}

impl Listener {
    /// The listener of that process.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: ListenerState::Acknowledged,
            said: Vec::new(),
            result_len: None,
            judged: None,
        }
    }

    /// The name of its process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Return the state of the conversation.
    pub fn state(&self) -> ListenerState {
        self.state
    }

    /// Return its answer, while that is judged.
    pub fn judged_answer(&self) -> Option<&[u8]> {
        self.judged.as_deref()
    }

    /// Note that its process was started.
    pub fn started(&mut self) {
        *self = Self::new(&self.name);
    }

    /// Note that it was given an event.
    pub fn given(&mut self) {
        self.state = ListenerState::Busy;
    }

    /// The event that it was given could not be sent.
    pub fn not_given(&mut self) {
        self.state = ListenerState::Ready;
    }

    /// Take what it wrote.
    pub fn wrote(&mut self, data: &[u8], out: &mut Vec<Step>) {
        self.said.extend_from_slice(data);
        self.listen(out);
        if self.judged.is_some() {
            // A judge may take his time. What comes after the next READY is too much already, however much it is.
            self.said.truncate(READY.len() + 1);
        }
    }

    /// Take the judgement on its answer.
    pub fn judged(&mut self, verdict: Verdict, out: &mut Vec<Step>) {
        if self.judged.take().is_none() {
            return;
        }
        let name = &self.name;
        out.push(match verdict {
            Verdict::Processed => Step::Log(Level::Debug, format!("{name}: event was processed")),
            Verdict::Rejected => Step::Log(Level::Warn, format!("{name}: event was rejected")),
            Verdict::Failed => Step::Log(Level::Warn, format!("{name}: event caused an error")),
        });
        match verdict {
            Verdict::Processed | Verdict::Rejected => self.change(ListenerState::Acknowledged, out),
            Verdict::Failed => self.lose(OF_HANDLER, out),
        }
        out.push(if verdict == Verdict::Processed { Step::Done } else { Step::Return });
        self.listen(out);
    }

    fn listen(&mut self, out: &mut Vec<Step>) {
        while !self.said.is_empty() && self.judged.is_none() {
            match self.state {
                ListenerState::Unknown => self.said.clear(),
                ListenerState::Acknowledged if self.said.len() < READY.len() => return,
                ListenerState::Acknowledged if self.said.starts_with(READY) => {
                    self.said.drain(..READY.len());
                    self.change(ListenerState::Ready, out);
                }
                ListenerState::Acknowledged | ListenerState::Ready => self.lose(OF_PROTOCOL, out),
                ListenerState::Busy => match self.result_len {
                    None => {
                        let Some(line) = self.take_line() else { return };
                        self.result_len = result_len(&line);
                        if self.result_len.is_none() {
                            let name = &self.name;
                            let line = events::text(&line);
                            out.push(Step::Log(Level::Warn, format!("{name}: bad result line: '{line}'")));
                            self.lose(OF_PROTOCOL, out);
                            out.push(Step::Return);
                        }
                    }
                    Some(len) if self.said.len() < len => return,
                    Some(len) => {
                        let rest = self.said.split_off(len);
                        let result = std::mem::replace(&mut self.said, rest);
                        self.result_len = None;
                        self.judged = Some(result.clone());
                        out.push(Step::Judge(result));
                    }
                },
            }
        }
    }

    /// Take what it said up to the end of the line, without that; or all, where no line can be that long.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        match self.said.iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let rest = self.said.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.said, rest);
                line.truncate(end);
                Some(line)
            }
            None if self.said.len() > LONGEST_RESULT_LINE => Some(std::mem::take(&mut self.said)),
            None => None,
        }
    }

    fn change(&mut self, to: ListenerState, out: &mut Vec<Step>) {
        let name = &self.name;
        let from = std::mem::replace(&mut self.state, to);
        out.push(Step::Log(Level::Debug, format!("{name}: {} -> {}", from.name(), to.name())));
        if to == ListenerState::Unknown {
            self.said.clear();
            let what = "has entered the UNKNOWN state and will no longer receive events, this usually indicates the \
                        process violated the eventlistener protocol";
            out.push(Step::Log(Level::Warn, format!("{name}: {what}")));
        }
    }

    /// End the conversation: it has left the protocol.
    fn lose(&mut self, why: &str, out: &mut Vec<Step>) {
        self.change(ListenerState::Unknown, out);
        let cure = format!("{}: receives events again once it is restarted; {why}", self.name);
        out.push(Step::Log(Level::Warn, cure));
    }
}

/// The number of a result line, as Python reads an integer.
fn result_len(line: &[u8]) -> Option<usize> {
    let number = std::str::from_utf8(line.get(RESULT_LEN..)?).ok()?.trim();
    number.parse().ok().filter(|&len| len <= LONGEST_RESULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(level: Level, text: &str) -> Step {
        Step::Log(level, text.to_owned())
    }

    fn wrote(listener: &mut Listener, data: &[u8]) -> Vec<Step> {
        let mut out = Vec::new();
        listener.wrote(data, &mut out);
        out
    }

    fn judged(listener: &mut Listener, verdict: Verdict) -> Vec<Step> {
        let mut out = Vec::new();
        listener.judged(verdict, &mut out);
        out
    }

    /// One that has an event.
    fn busy() -> Listener {
        let mut listener = Listener::new("x");
        wrote(&mut listener, b"READY\n");
        listener.given();
        listener
    }

    #[test]
    fn a_conversation() {
        let mut listener = Listener::new("x");
        assert_eq!(wrote(&mut listener, b"REA"), []);
        assert_eq!(wrote(&mut listener, b"DY\n"), [log(Level::Debug, "x: ACKNOWLEDGED -> READY")]);
        listener.given();
        assert_eq!(wrote(&mut listener, b"RESULT 2"), []);
        assert_eq!(wrote(&mut listener, b"\nO"), []);
        assert_eq!(wrote(&mut listener, b"KREADY\n"), [Step::Judge(b"OK".to_vec())]);
        assert_eq!(
            judged(&mut listener, Verdict::Processed),
            [
                log(Level::Debug, "x: event was processed"),
                log(Level::Debug, "x: BUSY -> ACKNOWLEDGED"),
                Step::Done,
                log(Level::Debug, "x: ACKNOWLEDGED -> READY"),
            ]
        );
    }

    #[test]
    fn a_rejected_event_goes_back_and_the_listener_goes_on() {
        let mut listener = busy();
        assert_eq!(wrote(&mut listener, b"RESULT 4\nFAIL"), [Step::Judge(b"FAIL".to_vec())]);
        assert_eq!(
            judged(&mut listener, Verdict::Rejected),
            [log(Level::Warn, "x: event was rejected"), log(Level::Debug, "x: BUSY -> ACKNOWLEDGED"), Step::Return]
        );
        assert_eq!(judged(&mut listener, Verdict::Processed), [], "judged twice");
        assert_eq!(wrote(&mut listener, b"READY\n"), [log(Level::Debug, "x: ACKNOWLEDGED -> READY")]);
    }

    #[test]
    fn a_bad_result_line_ends_the_conversation() {
        for (line, shown) in [
            (&b"NONSENSE\n"[..], "NONSENSE"),
            (b"RESULT\n", "RESULT"),
            (b"RESULT 1.5\n", "RESULT 1.5"),
            (b"RESULT -1\n", "RESULT -1"),
            (b"RESULT 99999999999999999999\n", "RESULT 99999999999999999999"),
            (b"RESULT \xff\n", "Undecodable: b'RESULT \\xff'"),
        ] {
            let mut listener = busy();
            let out = wrote(&mut listener, line);
            assert_eq!(out[0], log(Level::Warn, &format!("x: bad result line: '{shown}'")));
            assert_eq!(out[1], log(Level::Debug, "x: BUSY -> UNKNOWN"));
            assert_eq!(
                out[2],
                log(
                    Level::Warn,
                    "x: has entered the UNKNOWN state and will no longer receive events, this usually indicates the \
                     process violated the eventlistener protocol"
                )
            );
            assert_eq!(out.last(), Some(&Step::Return));
            assert_eq!(wrote(&mut listener, b"READY\n"), [], "it is not listened to any more");
            listener.started();
            assert_eq!(wrote(&mut listener, b"READY\n"), [log(Level::Debug, "x: ACKNOWLEDGED -> READY")]);
        }
    }

    #[test]
    fn a_listener_is_not_blamed_for_its_handler() {
        let mut listener = busy();
        wrote(&mut listener, b"RESULT 2\nOK");
        assert_eq!(
            judged(&mut listener, Verdict::Failed)[3],
            log(
                Level::Warn,
                "x: receives events again once it is restarted; it has kept to the protocol, but its result handler \
                 failed to judge what it answered"
            )
        );
    }

    #[test]
    fn a_result_line_is_read_as_supervisor_reads_it() {
        for line in [&b"RESULT 2\nOK"[..], b"RESULT  +2 \nOK", b"1234567002\nOK"] {
            assert_eq!(wrote(&mut busy(), line), [Step::Judge(b"OK".to_vec())], "{line:?}");
        }
    }

    #[test]
    fn an_empty_result_is_one() {
        assert_eq!(wrote(&mut busy(), b"RESULT 0\nR"), [Step::Judge(Vec::new())]);
    }

    #[test]
    fn whoever_speaks_out_of_turn_is_not_listened_to() {
        let mut stray = Listener::new("x");
        assert_eq!(wrote(&mut stray, b"hello"), [], "it may be a long word for READY");
        assert_eq!(wrote(&mut stray, b" world")[0], log(Level::Debug, "x: ACKNOWLEDGED -> UNKNOWN"));
        let mut eager = Listener::new("x");
        let out = wrote(&mut eager, b"READY\nREADY\n");
        assert_eq!(out[1], log(Level::Debug, "x: READY -> UNKNOWN"));
        assert_eq!(eager.state(), ListenerState::Unknown);
    }

    #[test]
    fn who_talks_while_it_is_judged_takes_no_memory() {
        let mut listener = busy();
        wrote(&mut listener, b"RESULT 2\nOKREADY\n");
        for _ in 0..1000 {
            assert_eq!(wrote(&mut listener, b"READY\nREADY\n"), []);
        }
        assert!(listener.said.len() <= 2 * READY.len(), "{}", listener.said.len());
        judged(&mut listener, Verdict::Processed);
        assert_eq!(listener.state(), ListenerState::Unknown, "it said too much");
    }

    #[test]
    fn a_line_without_an_end_is_not_waited_for() {
        let mut listener = busy();
        assert_eq!(wrote(&mut listener, &vec![b'x'; LONGEST_RESULT_LINE]), []);
        wrote(&mut listener, b"x");
        assert_eq!(listener.state(), ListenerState::Unknown);
    }
}
