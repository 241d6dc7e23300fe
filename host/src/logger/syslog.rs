//! Lines for the system's log: a datagram for each to `/dev/log`.

use std::{
    io::{self, ErrorKind},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono::Local;

use super::{lost_output::LostOutput, write_timeout::WriteTimeout};

const DEV_LOG: &str = "/dev/log";
/// Facility `user`, severity `info`: what Supervisor uses.
const PRIORITY: u8 = (1 << 3) | 6;
/// Time between two looks for a log that is not there.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A connection to the system's log.
///
/// A line that it does not take is lost and counted; [`write`](Self::write) returns a sentence when that begins and
/// another when it ends. A daemon that is only slow is waited for, within reason.
#[derive(Debug)]
pub struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    timeout: WriteTimeout,
    lost: LostOutput,
    /// Time and error number of the last look for it that was in vain.
    not_there: Option<(Instant, i32)>,
}

impl Default for Syslog {
    fn default() -> Self {
        Self::at(Path::new(DEV_LOG))
    }
}

impl Syslog {
    fn at(path: &Path) -> Self {
        let (timeout, lost) = (WriteTimeout::default(), LostOutput::default());
        Self { path: path.to_owned(), socket: None, timeout, lost, not_there: None }
    }

    /// Send each line of `text` by itself, after `prefix`. Line feeds at its end make no lines of their own.
    pub fn write(&mut self, prefix: &str, text: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(text);
        let time = Local::now().format("%b %e %H:%M:%S").to_string();
        let (mut lost, mut why) = (0, None);
        for line in text.trim_end_matches('\n').split('\n') {
            let record = format!("<{PRIORITY}>{time} supervisord: {prefix}{line}");
            if let Err(error) = self.send(record.as_bytes()) {
                lost += 1;
                why = Some(error);
            }
        }
        match why {
            Some(error) => self.lost.add(lost).then(|| format!("could not write to syslog: {error}; output is lost")),
            None => self.lost.end().map(|lost| format!("syslog is written again; {lost} lines were lost")),
        }
    }

    fn send(&mut self, record: &[u8]) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            match send(socket, record, &mut self.timeout, self.lost.any()) {
                // The daemon has been restarted since the last line: its old socket is dead.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotConnected) => {}
                result => return result,
            }
        }
        self.socket = None;
        let socket = self.connect()?;
        let result = send(&socket, record, &mut self.timeout, self.lost.any());
        self.socket = Some(socket);
        result
    }

    fn connect(&mut self) -> io::Result<UnixDatagram> {
        if let Some((at, errno)) = self.not_there
            && at.elapsed() < LOOK_AGAIN
        {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let connect = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(&self.path)?;
            Ok(socket)
        };
        let result: io::Result<_> = connect();
        self.not_there = result.as_ref().err().and_then(io::Error::raw_os_error).map(|errno| (Instant::now(), errno));
        result
    }
}

fn send(socket: &UnixDatagram, record: &[u8], timeout: &mut WriteTimeout, losing: bool) -> io::Result<()> {
    loop {
        match socket.send(record) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => timeout.wait(socket, losing)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Daemon {
        dir: tempfile::TempDir,
        socket: UnixDatagram,
    }

    impl Daemon {
        fn start() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let socket = UnixDatagram::bind(dir.path().join("log")).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { dir, socket }
        }

        fn stop(self) -> tempfile::TempDir {
            std::fs::remove_file(self.dir.path().join("log")).unwrap();
            self.dir
        }

        fn restart(dir: tempfile::TempDir) -> Self {
            let socket = UnixDatagram::bind(dir.path().join("log")).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { dir, socket }
        }

        fn client(&self) -> Syslog {
            Syslog::at(&self.dir.path().join("log"))
        }

        /// Receive what has come, without times.
        fn lines(&self) -> Vec<String> {
            let mut buffer = vec![0; 1 << 17];
            std::iter::from_fn(|| {
                let count = self.socket.recv(&mut buffer).ok()?;
                let record = std::str::from_utf8(&buffer[..count]).unwrap();
                assert!(record.starts_with("<14>"), "{record}");
                Some(record["<14>Nov 21 13:42:28 ".len()..].to_owned())
            })
            .collect()
        }
    }

    #[test]
    fn each_line_is_a_record_with_the_prefix() {
        let daemon = Daemon::start();
        let mut syslog = daemon.client();
        assert_eq!(syslog.write("cat ", "one\n\ntwo é\n\n".as_bytes()), None);
        assert_eq!(syslog.write("", b"\n"), None);
        assert_eq!(
            daemon.lines(),
            ["supervisord: cat one", "supervisord: cat ", "supervisord: cat two é", "supervisord: "]
        );
    }

    #[test]
    fn a_daemon_that_is_away_loses_lines_and_is_found_again() {
        let daemon = Daemon::start();
        let mut syslog = daemon.client();
        syslog.write("", b"first");
        let dir = daemon.stop();
        let away = syslog.write("", b"lost\nlost").unwrap();
        assert!(away.starts_with("could not write to syslog: "), "{away}");
        assert!(away.ends_with("; output is lost"), "{away}");
        assert_eq!(syslog.write("", b"lost"), None, "said once");
        let daemon = Daemon::restart(dir);
        syslog.not_there = None; // The second has passed.
        assert_eq!(syslog.write("", b"found").unwrap(), "syslog is written again; 3 lines were lost");
        assert_eq!(daemon.lines(), ["supervisord: found"]);
    }

    #[test]
    fn a_daemon_that_does_not_read_costs_one_wait() {
        let daemon = Daemon::start();
        let mut syslog = daemon.client();
        let begin = Instant::now();
        let news: Vec<_> = (0..5_000).filter_map(|_| syslog.write("", b"line")).collect();
        assert_eq!(news, ["could not write to syslog: nobody reads it; output is lost"]);
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        assert!(!daemon.lines().is_empty());
        assert!(syslog.write("", b"line").unwrap().starts_with("syslog is written again; "));
    }

    #[test]
    fn a_daemon_that_is_only_slow_loses_nothing() {
        const LINES: usize = 2_000;
        let daemon = Daemon::start();
        let mut syslog = daemon.client();
        daemon.socket.set_nonblocking(false).unwrap();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 100];
            (0..LINES).filter(|_| daemon.socket.recv(&mut buffer).is_ok()).count()
        });
        for _ in 0..LINES {
            assert_eq!(syslog.write("", b"line"), None);
        }
        assert_eq!(reader.join().unwrap(), LINES);
    }
}
