//! `result_handler = supervisor_twiddler.resulthandler:stdin_write_handler` of an event listener.

use plugin_api::{Event, Fault, Host, Value, Verdict};

/// Beginning of an answer that is to be passed on.
const STDIN: &[u8] = b"STDIN:";

/// Write what follows `STDIN:` in a listener's answer to the stdin of the process that the event was about.
///
/// A process that is not there or does not read is no fault of the listener: the event counts as processed all the
/// same.
pub fn stdin_write_handler(supervisord: &Host, event: &Event, result: &[u8]) -> Result<Verdict, Fault> {
    if let Some(chars) = result.strip_prefix(STDIN) {
        if let Some(process) = event.namespec() {
            let chars = Value::Base64(chars.to_vec().into());
            let _ = supervisord.call::<bool>("supervisor.sendProcessStdin", (process, chars));
        }
        return Ok(Verdict::Accept);
    }
    Ok(if result == b"OK" { Verdict::Accept } else { Verdict::Reject })
}
