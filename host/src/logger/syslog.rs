//! Lines for the system's log: a datagram for each to `/dev/log`.

use std::os::unix::net::UnixDatagram;

use chrono::Local;

/// Facility `user`, severity `info`: what Supervisor uses.
const PRIORITY: u8 = (1 << 3) | 6;

/// A connection to the system's log. Where nobody listens, lines are lost, as they are with syslog(3).
#[derive(Debug, Default)]
pub struct Syslog {
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// Sends each line of `text` by itself, after `prefix`.
    pub fn write(&mut self, prefix: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        for line in text.trim_end_matches('\n').split('\n') {
            let time = Local::now().format("%b %e %H:%M:%S");
            let record = format!("<{PRIORITY}>{time} supervisord: {prefix}{line}");
            // The daemon may have been restarted since the last line: a second try with a new socket.
            if !self.send(&record) {
                self.socket = None;
                self.send(&record);
            }
        }
    }

    fn send(&mut self, record: &str) -> bool {
        if self.socket.is_none() {
            self.socket = UnixDatagram::unbound()
                .and_then(|socket| {
                    socket.set_nonblocking(true)?;
                    socket.connect("/dev/log")?;
                    Ok(socket)
                })
                .ok();
        }
        self.socket.as_ref().is_some_and(|socket| socket.send(record.as_bytes()).is_ok())
    }
}
