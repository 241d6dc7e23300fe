//! Logs that are not plain text: coloured ones, bytes that are no text, characters that a limit cuts through.

use std::{
    io::Read as _,
    process::{Command, Stdio},
};

use crate::common::{Config, Kind, Sandbox, Supervisord};

/// A log that Supervisor sends as XML that only we read, and what it looks like where it has to be text.
const COLOURED: &str = "\u{1b}[31mred\u{1b}[0m \u{1} 가\n";
const SHOWN: &str = "␛[31mred␛[0m ␁ 가\n";

/// A supervisord whose programs have written these logs before.
fn with_logs(kind: Kind, coloured: &[u8], korean: &str) -> Supervisord {
    let sandbox = Sandbox::new();
    sandbox.write("coloured.log", coloured);
    sandbox.write("korean.log", korean);
    let config = Config::new()
        .program("coloured", "command=/bin/cat\nstdout_logfile={here}/coloured.log\nstderr_logfile={here}/coloured.log")
        .program("korean", "command=/bin/cat\nstdout_logfile={here}/korean.log")
        .program("speaker", "command=/bin/cat")
        .section("supervisord", "loglevel=debug");
    let supervisord = Supervisord::start_in(sandbox, kind, &config);
    supervisord.wait_for_state("speaker", "RUNNING");
    supervisord
}

/// The bytes that a command prints.
fn printed(mut command: Command) -> Vec<u8> {
    let output = command.output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{command:?}: {output:?}");
    output.stdout
}

#[test]
fn log_text_is_always_a_string() {
    let supervisord = with_logs(Kind::Ours, &[COLOURED.as_bytes(), b"\xff\xef\xbf\xbf\0"].concat(), "");
    supervisord.doctest(
        r"
        >>> shown = '␛[31mred␛[0m ␁ 가\n\ufffd\ufffd␀'
        >>> reads = [getattr(s.supervisor, 'readProcess' + which)('coloured', 0, 0)
        ...          for which in ('Log', 'StdoutLog', 'StderrLog')]
        >>> tails = [getattr(s.supervisor, 'tailProcess' + which)('coloured', 0, 1000)[0]
        ...          for which in ('Log', 'StdoutLog', 'StderrLog')]
        >>> [text == shown for text in reads + tails]
        [True, True, True, True, True, True]
        >>> call = {'methodName': 'supervisor.readProcessStdoutLog', 'params': ['coloured', 0, 0]}
        >>> s.system.multicall([call]) == [shown]
        True
        >>> s.supervisor.sendProcessStdin('speaker', Binary(b'\x1b[1mhello\x1b[0m\n'))
        True
        >>> while 'hello' not in s.supervisor.readProcessStdoutLog('speaker', 0, 0): time.sleep(0.01)
        >>> for read in s.supervisor.readLog, s.supervisor.readMainLog:
        ...     '␛[1mhello␛[0m' in read(0, 0)
        True
        True
        >>> fault(s.supervisor.getProcessInfo, Binary(b'\x1b[1m'))
        10 BAD_NAME: ␛[1m
        >>> s.system.multicall([{'methodName': 'supervisor.getProcessInfo', 'params': [Binary(b'\x1b')]}])
        [{'faultCode': 10, 'faultString': 'BAD_NAME: ␛'}]
        ",
    );
    assert_eq!(supervisord.real_ctl(&["tail", "coloured"]).text(), format!("{SHOWN}\u{fffd}\u{fffd}␀\n"));
    assert!(supervisord.real_ctl(&["maintail", "-0"]).text().contains("␛[1mhello␛[0m"));
}

/// What a config or a program has put into the texts about processes.
#[test]
fn texts_about_processes_are_strings() {
    let config = Config::new()
        .program("shouts", "command=/bin/echo \u{1b}[1m\nautostart=false\nstdout_logfile={here}/\u{1b}.log")
        .section("supervisord", "identifier=\u{1b}[1msup");
    Supervisord::start(&config).doctest(
        r"
        >>> s.supervisor.getIdentification()
        '␛[1msup'
        >>> info, = s.supervisor.getAllProcessInfo()
        >>> info['stdout_logfile'] == info['logfile'] == HERE + '/␛.log'
        True
        >>> info, = s.supervisor.getAllConfigInfo()
        >>> info['command']
        '/bin/echo ␛[1m'
        ",
    );
}

#[test]
fn our_supervisorctl_prints_the_bytes() {
    for kind in [Kind::Real, Kind::Ours] {
        // A Supervisor sends no bytes that are no text.
        let stray: &[u8] = if kind == Kind::Ours { b"\xff\0\xef\xbf\xbd" } else { b"" };
        let log = [COLOURED.as_bytes(), stray].concat();
        let supervisord = with_logs(kind, &log, "");
        let tail = |arguments: &[&str]| printed(supervisord.ctl_command(Kind::Ours, arguments));
        let line = |bytes: &[u8]| [bytes, b"\n"].concat();
        assert_eq!(tail(&["tail", "coloured"]), line(&log), "{kind:?}");
        assert_eq!(tail(&["tail", "-0", "coloured"]), line(&log), "{kind:?}");
        assert_eq!(tail(&["tail", "--2", "coloured", "stderr"]), line(&log[2..]), "{kind:?}");
        for count in 1..log.len() {
            // The rest of a character is left out.
            let from = (log.len() - count..log.len()).find(|&at| log[at] & 0xc0 != 0x80).unwrap_or(log.len());
            assert_eq!(tail(&["tail", &format!("-{count}"), "coloured"]), line(&log[from..]), "{kind:?} {count}");
        }
        supervisord.python("s.supervisor.sendProcessStdin('speaker', Binary(b'hello \\x1b\\n'))");
        supervisord.wait_for_log("hello");
        let main = String::from_utf8(tail(&["maintail", "-0"])).expect("text");
        assert!(main.contains("'speaker' stdout output:\nhello \u{1b}\n"), "{kind:?} {main}");
    }
}

#[test]
fn the_end_of_a_log_begins_with_a_whole_character() {
    let korean = "가나다라마바사".repeat(500);
    let supervisord = with_logs(Kind::Ours, b"", &korean);
    let real = with_logs(Kind::Real, b"", &korean);
    for (server, client) in [(&supervisord, Kind::Real), (&supervisord, Kind::Ours), (&real, Kind::Ours)] {
        for bytes in 3..=9 {
            let shown = printed(server.ctl_command(client, &["tail", &format!("-{bytes}"), "korean"]));
            let expected = &korean[korean.len() - bytes / 3 * 3..];
            assert_eq!(String::from_utf8_lossy(&shown), format!("{expected}\n"), "{client:?} {bytes}");
        }
    }
    let expected = &korean[korean.len() - 1024 / 3 * 3..];
    for client in [Kind::Real, Kind::Ours] {
        let mut command = supervisord.ctl_command(client, &["tail", "-f", "korean"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it runs");
        let mut shown = vec![0; "==> Press Ctrl-C to exit <==\n".len() + expected.len()];
        let outcome = child.stdout.take().expect("a pipe").read_exact(&mut shown);
        child.kill().expect("it runs");
        child.wait().expect("it has ended");
        outcome.expect("as much as that");
        let shown = String::from_utf8(shown).expect("text");
        assert_eq!(shown, format!("==> Press Ctrl-C to exit <==\n{expected}"), "{client:?}");
    }
}
