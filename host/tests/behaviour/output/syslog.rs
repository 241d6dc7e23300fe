//! syslog, with a daemon of our own at `/dev/log`, which only the supervisord under test sees.

use std::os::unix::net::UnixDatagram;

use crate::{
    common::{Config, Kind, Sandbox, wait_until},
    output::wrapped::{Wrapped, can_mount},
};

/// A /dev with the few devices that are needed, and with the log of the sandbox.
const DEV: &str = r#"
set -e
mkdir dev; mount -t tmpfs none dev
for name in null zero urandom random; do : > dev/$name; mount --bind /dev/$name dev/$name; done
ln -s /proc/self/fd dev/fd; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr; mkdir dev/shm
if [ -e log ]; then : > dev/log; mount --bind log dev/log; fi
mount --rbind dev /dev
exec "$@"
"#;

fn config() -> Config {
    Config::new()
        .section("supervisord", "logfile=syslog\nsilent=true")
        .program(
            "both",
            "command=/bin/sh -c 'printf \"one\\ntwo \\303\\251\\n\\nthree\\n\"; read x; echo bye'\nstdout_syslog=true",
        )
        .program(
            "old",
            "command=/bin/sh -c 'echo hi; echo no >&2; read x'\nstdout_logfile=syslog\nstderr_syslog=true\n\
             stderr_log_format=json",
        )
}

struct Daemon(UnixDatagram);

impl Daemon {
    fn bind(sandbox: &Sandbox) -> Self {
        let socket = UnixDatagram::bind(sandbox.join("log")).expect("a socket in the sandbox");
        socket.set_nonblocking(true).expect("a plain flag");
        Self(socket)
    }

    /// What has come since, without the time of the record.
    fn records(&self) -> Vec<String> {
        let mut buffer = vec![0; 1 << 16];
        std::iter::from_fn(|| {
            let count = self.0.recv(&mut buffer).ok()?;
            let record = String::from_utf8_lossy(&buffer[..count]).trim_end_matches('\n').to_owned();
            let (head, text) = record.split_at("<14>Nov 21 13:42:28 ".len());
            assert!(head.starts_with("<14>"), "{record}");
            Some(text.to_owned())
        })
        .collect()
    }
}

/// Lines of the activity log have a time of their own and pids.
fn normal(record: &str) -> String {
    let text = match record.strip_prefix("supervisord: 20") {
        Some(line) => format!("supervisord: TIME {}", line.get(22..).unwrap_or_default()),
        None => record.to_owned(),
    };
    text.split(' ').map(|word| if word.parse::<u32>().is_ok() { "N" } else { word }).collect::<Vec<_>>().join(" ")
}

#[test]
fn lines_are_those_of_supervisor() {
    if !can_mount() {
        return;
    }
    let mut results = Vec::new();
    for kind in [Kind::Real, Kind::Ours] {
        let sandbox = Sandbox::new();
        let daemon = Daemon::bind(&sandbox);
        let config = if kind == Kind::Real { config().without("rpcinterface:cache") } else { config() };
        let mut supervisord = Wrapped::start(sandbox, kind, &["unshare", "-rm", "sh", "-c", DEV, "sh"], &config);
        let mut records = Vec::new();
        let mut wait_for = |texts: &[&str]| {
            wait_until(&format!("{kind:?}: {texts:?} have come"), || {
                records.extend(daemon.records().iter().map(|record| normal(record)));
                texts.iter().all(|text| records.iter().any(|record| record.ends_with(text)))
            });
        };
        wait_for(&[
            "both three",
            "old hi",
            "old no",
            "success: both entered RUNNING state, process has stayed up for > than N seconds (startsecs)",
        ]);
        supervisord.say("both", "go");
        wait_for(&["both bye", "exited: both (exit status 0; expected)"]);
        assert_eq!(supervisord.sandbox.read("both.out"), "one\ntwo é\n\nthree\nbye\n", "and in its file");
        supervisord.end();
        let of = |records: &[String], word: &str| -> Vec<String> {
            records.iter().filter(|record| record.contains(word)).cloned().collect()
        };
        results.push((
            of(&records, "supervisord: both"),
            of(&records, "supervisord: old"),
            of(&records, "deprecated"),
            of(&records, "supervisord: TIME INFO spawned: 'both'").into_iter().next(),
        ));
    }
    let [real, ours] = <[_; 2]>::try_from(results).expect("two of them");
    assert_eq!(ours, real);
    assert_eq!(
        real.0[..4],
        ["supervisord: both one", "supervisord: both two é", "supervisord: both ", "supervisord: both three"]
    );
}

#[test]
fn without_a_daemon_lines_are_lost_and_nothing_else() {
    if !can_mount() {
        return;
    }
    let config = config().section("supervisord", "logfile={here}/supervisord.log");
    let mut supervisord =
        Wrapped::start(Sandbox::new(), Kind::Ours, &["unshare", "-rm", "sh", "-c", DEV, "sh"], &config);
    let notice = supervisord.wait_for_log("could not write to syslog");
    assert_eq!(notice, "ERRO could not write to syslog: No such file or directory (os error 2); output is lost");
    supervisord.say("both", "go");
    supervisord.wait_for_log("exited: both");
    assert_eq!(supervisord.sandbox.read("both.out"), "one\ntwo é\n\nthree\nbye\n");
    supervisord.end();
}
