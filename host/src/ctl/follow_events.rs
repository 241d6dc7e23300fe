//! Following the events of the server, for `events`: one that is lost is looked for until it is there again.
//!
//! A thread of its own reads and prints; this thread waits for ^C.

use std::{
    fmt::Write as _,
    io::Read as _,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use chrono::{DateTime, Local};
use nix::sys::{
    socket::{Shutdown, setsockopt, shutdown, sockopt::ReceiveTimeout},
    time::{TimeVal, TimeValLike as _},
};
use plugin_api::Fault;
use serde_json::Value as Json;

use super::{
    colour::Colour,
    event_frames::{Frame, FrameReader},
    exit_status,
    follow::{wait, watch_interrupt},
    session::Session,
};
use crate::{
    text::stderr_line::stderr_line,
    xmlrpc::{ClientError, Stream},
};

/// Time in which the server says something, at least that it is there: three times its own interval.
const SILENCE: Duration = Duration::from_secs(45);

/// Interval of looks for a server that is lost.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Print the events at a path of the server until ^C.
pub(super) fn follow_events(session: &Arc<Session>, path: &str) -> Result<(), Fault> {
    session.flush();
    let stream = match connect(session, path) {
        Ok(Ok(stream)) => stream,
        Ok(Err(why)) => {
            session.fail(&format!("ERROR: {why}"), exit_status::GENERIC);
            return Ok(());
        }
        Err(ClientError::Status { code: 404, .. }) => {
            let text = "ERROR: this supervisord does not tell of its events";
            session.fail(text, exit_status::UNIMPLEMENTED_FEATURE);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    session.begin_stream();
    let interrupt = watch_interrupt()?;
    let (end, writer) = UnixStream::pair().map_err(Fault::failed_with)?;
    let reader =
        Reader { session: Arc::clone(session), path: path.to_owned(), stopped: Arc::default(), socket: Arc::default() };
    let (stopped, socket) = (Arc::clone(&reader.stopped), Arc::clone(&reader.socket));
    thread::spawn(move || {
        reader.run(stream);
        drop(writer);
    });
    if wait(&[interrupt.as_fd(), end.as_fd()])? == 0 {
        session.end_line();
    }
    stopped.store(true, Ordering::SeqCst);
    if let Some(socket) = socket.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
    }
    Ok(())
}

/// Ask for the events; the inner error is the server's text about what was asked.
fn connect(session: &Session, path: &str) -> Result<Result<Stream, String>, ClientError> {
    let stream = session.login().client()?.get_stream_or_refusal(path)?;
    if let Ok(stream) = &stream {
        // Without it a server that has gone without a word would be waited for for ever.
        let _ = setsockopt(&stream.as_fd(), ReceiveTimeout, &TimeVal::seconds(SILENCE.as_secs().cast_signed()));
    }
    Ok(stream)
}

/// Reader of events, on a thread of its own.
struct Reader {
    session: Arc<Session>,
    path: String,
    /// Set when the thread is to print no more.
    stopped: Arc<AtomicBool>,
    /// Connection of the thread; shutting it down wakes the thread out of its read.
    socket: Arc<Mutex<Option<OwnedFd>>>,
}

impl Reader {
    fn run(self, mut stream: Stream) {
        while self.print(stream) {
            self.tell("lost", "supervisord is lost; looking for it");
            stream = loop {
                thread::sleep(LOOK_INTERVAL);
                if self.is_stopped() {
                    return;
                }
                match connect(&self.session, &self.path) {
                    Ok(Ok(stream)) => break stream,
                    Ok(Err(why)) => return self.session.fail(&format!("ERROR: {why}"), exit_status::GENERIC),
                    Err(_) => {}
                }
            };
            self.tell("restored", "supervisord is there again");
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Print events to the end of the stream; `false` where no more is to be printed.
    fn print(&self, mut stream: Stream) -> bool {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = stream.as_fd().try_clone_to_owned().ok();
        let (mut buffer, mut frames) = ([0; 16 * 1024], FrameReader::default());
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if self.is_stopped() || !frames.read(&buffer[..count], |frame| self.print_event(&frame)) {
                return false;
            }
        }
        !self.is_stopped()
    }

    fn print_event(&self, frame: &Frame) -> bool {
        // What is no object is none of supervisord's.
        let Ok(data @ Json::Object(_)) = serde_json::from_str(&frame.data) else { return true };
        let line = || event_line(&frame.event, &data, self.session.is_coloured()).into_bytes();
        self.session.stream(line, || data.to_string())
    }

    /// Say how it is with the connection, where it is no part of what scripts read.
    fn tell(&self, state: &str, text: &str) {
        if self.session.is_json() {
            self.session.stream(Vec::new, || format!("{{\"connection\":\"{state}\"}}"));
        } else {
            stderr_line(text);
        }
    }
}

/// Line for an event: the time, the type, and the payload, in which a line end is `\n`.
fn event_line(event: &str, data: &Json, is_coloured: bool) -> String {
    if let Some(missed) = data.get("missed") {
        return format!("missed {missed} events");
    }
    #[allow(clippy::cast_possible_truncation, reason = "a number that is no time is shown as one, too")]
    let micros = (data.get("time").and_then(Json::as_f64).unwrap_or_default() * 1e6).round() as i64;
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default().with_timezone(&Local);
    let name = if is_coloured { Colour::Cyan.paint(&shown(event)) } else { shown(event) };
    let payload = match (data.get("payload"), data.get("payload_base64")) {
        (Some(Json::String(text)), _) => shown(text.trim_end_matches('\n')),
        (_, Some(Json::String(base64))) => format!("base64:{}", shown(base64)),
        _ => String::new(),
    };
    format!("{} {name} {payload}", time.format("%Y-%m-%d %H:%M:%S%.3f")).trim_end().to_owned()
}

/// Text without characters that would do something to a terminal, or begin a line.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push(c),
            // Writing to a `String` cannot fail.
            c if c.is_control() => drop(write!(shown, "\\x{:02x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let line = |event: &str, data: &str| event_line(event, &serde_json::from_str(data).unwrap(), false);
        let text = line("PROCESS_GROUP_ADDED", r#"{"serial":1,"time":1793000040.25,"payload":"groupname:g\n"}"#);
        assert!(text.ends_with(".250 PROCESS_GROUP_ADDED groupname:g"), "{text}");
        let text = line("X", r#"{"time":0,"payload":"type:a\nb\u001b[2J\r"}"#);
        assert!(text.ends_with(".000 X type:a\\nb\\x1b[2J\\r"), "{text}");
        assert!(line("X", r#"{"time":0,"payload_base64":"AP8="}"#).ends_with(" X base64:AP8="));
        assert!(line("X", r#"{"payload":""}"#).ends_with(".000 X"));
        assert_eq!(line("missed", r#"{"missed":5}"#), "missed 5 events");
        let coloured = event_line("X", &serde_json::json!({}), true);
        assert!(coloured.ends_with(" \x1b[36mX\x1b[0m"), "{coloured:?}");
    }
}
