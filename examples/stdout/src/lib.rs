//! Output of programs on supervisord's own stdout: what the extension `supervisor-stdout` does for Supervisor, under the
//! line that stands in config files for it, `result_handler = supervisor_stdout:event_handler`.
//!
//! The listener `supervisor_stdout` answers each event with the event itself, and the handler prints that.

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    io::{self, Write},
};

use plugin_api::{Event, Fault, Host, Verdict};

plugin_api::export!(result_handler: event_handler);

/// Print what a program wrote, which the listener has echoed: each line as `name stream | line`.
///
/// # Errors
///
/// `FAILED` for what is no `PROCESS_LOG` event, and where stdout takes nothing: the event is sent again then.
pub fn event_handler(_: &Host, _: &Event, result: &[u8]) -> Result<Verdict, Fault> {
    let text =
        lines(result).ok_or_else(|| Fault::failed_with("it is no output of a program; set events=PROCESS_LOG"))?;
    let mut stdout = io::stdout().lock();
    // In one piece, so that those of two programs do not mix.
    stdout.write_all(&text).and_then(|()| stdout.flush()).map_err(Fault::failed_with)?;
    Ok(Verdict::Accept)
}

/// Put the name and the stream before each line of an event's data.
fn lines(event: &[u8]) -> Option<Vec<u8>> {
    let end = event.iter().position(|&byte| byte == b'\n')?;
    let (head, data) = (std::str::from_utf8(&event[..end]).ok()?, &event[end + 1..]);
    let fields: HashMap<_, _> = head.split_whitespace().filter_map(|field| field.split_once(':')).collect();
    let prefix = format!("{} {} | ", fields.get("processname")?, fields.get("channel")?);
    let mut text = Vec::with_capacity(data.len() + prefix.len());
    for line in data.strip_suffix(b"\n").unwrap_or(data).split(|&byte| byte == b'\n') {
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_name() {
        let text = |event: &str| lines(event.as_bytes()).map(|text| String::from_utf8(text).unwrap());
        let head = "processname:web groupname:web pid:7 channel:stderr\n";
        assert_eq!(text(&format!("{head}one\ntwo\n")).as_deref(), Some("web stderr | one\nweb stderr | two\n"));
        assert_eq!(text(&format!("{head}cut")).as_deref(), Some("web stderr | cut\n"));
        assert_eq!(text(&format!("{head}\n")).as_deref(), Some("web stderr | \n"));
        assert_eq!(text("OK"), None);
        assert_eq!(text("processname:web from_state:RUNNING\n"), None);
    }
}
