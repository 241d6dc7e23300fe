//! Stand-in for a daemon that supervisord cannot supervise because it forks away: it runs the command that starts the
//! daemon, stays as long as that command does, and hands on signals to the pid in the daemon's pidfile.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, absolute},
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
    iterator::Signals,
};

use crate::text::stderr_line::stderr_line;

/// Signals that are handed on.
const HANDED_ON: [i32; 6] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2];

/// Signals after which there is nothing left to do.
const LAST: [i32; 3] = [SIGTERM, SIGINT, SIGQUIT];

/// Usage, to be printed where the arguments are wrong.
pub fn usage(program: &str) -> String {
    format!(
        "pidproxy: run a command and hand on signals to the pid in a pidfile.\n\n\
         Usage: {program} <pidfile name> <command> [<cmdarg1> ...]\n"
    )
}

/// Run the command until it ends or a signal asks for the end, and return the exit status. Fails where the command
/// cannot be run.
///
/// The command is a path, not looked for in `PATH`. How it ends does not matter: only that it does.
pub fn run(pidfile: &Path, command: &OsStr, arguments: impl Iterator<Item = OsString>) -> io::Result<u8> {
    // Before the command runs, so that nothing that follows from it is missed.
    let mut signals = Signals::new(HANDED_ON.iter().chain(&[SIGCHLD]))?;
    let mut child = Command::new(absolute(command)?).arg0(command).args(arguments).spawn()?;
    for signal in signals.forever() {
        if signal == SIGCHLD {
            if child.try_wait()?.is_some() {
                break;
            }
            continue;
        }
        let Some(pid) = pid_in(pidfile) else {
            // On stdout, where Supervisor's has it; if that has gone, nobody needs to know.
            let _ = writeln!(io::stdout(), "Can't read child pidfile {}!", pidfile.display());
            continue;
        };
        if let Err(errno) = kill(pid, Signal::try_from(signal)?) {
            stderr_line(format_args!("pidproxy: cannot signal pid {pid}: {}", errno.desc()));
            return Ok(1);
        }
        if LAST.contains(&signal) {
            break;
        }
    }
    Ok(0)
}

/// Read the pid in a pidfile. Never 0 or less: that would be more than one process.
fn pid_in(pidfile: &Path) -> Option<Pid> {
    let pid = fs::read_to_string(pidfile).ok()?.trim().parse().ok()?;
    (pid > 0).then(|| Pid::from_raw(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pidfile_names_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let pidfile = dir.path().join("x.pid");
        assert_eq!(pid_in(&pidfile), None);
        for (text, pid) in [("17\n", Some(17)), (" 17 ", Some(17)), ("", None), ("x", None), ("0", None), ("-1", None)]
        {
            fs::write(&pidfile, text).unwrap();
            assert_eq!(pid_in(&pidfile).map(Pid::as_raw), pid, "{text:?}");
        }
    }
}
