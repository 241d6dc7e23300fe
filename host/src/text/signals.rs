//! Signals by number and by name, with the names Supervisor prints.

use super::python::{int, strip};

/// Every signal that a config or a client may name: the ones Supervisor knows on Linux. Where two names share a number,
/// the first is the one that is printed.
const SIGNALS: &[(&str, i32)] = &[
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGILL", libc::SIGILL),
    ("SIGTRAP", libc::SIGTRAP),
    ("SIGABRT", libc::SIGABRT),
    ("SIGIOT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGFPE", libc::SIGFPE),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGSTKFLT", libc::SIGSTKFLT),
    ("SIGCHLD", libc::SIGCHLD),
    ("SIGCLD", libc::SIGCHLD),
    ("SIGCONT", libc::SIGCONT),
    ("SIGSTOP", libc::SIGSTOP),
    ("SIGTSTP", libc::SIGTSTP),
    ("SIGTTIN", libc::SIGTTIN),
    ("SIGTTOU", libc::SIGTTOU),
    ("SIGURG", libc::SIGURG),
    ("SIGXCPU", libc::SIGXCPU),
    ("SIGXFSZ", libc::SIGXFSZ),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGWINCH", libc::SIGWINCH),
    ("SIGPOLL", libc::SIGIO),
    ("SIGIO", libc::SIGIO),
    ("SIGPWR", libc::SIGPWR),
    ("SIGSYS", libc::SIGSYS),
    // Functions in libc, which take the first two for itself.
    ("SIGRTMIN", 34),
    ("SIGRTMAX", 64),
];

/// Get the name of a signal, `signal 35` where it has none.
pub fn name(signal: i32) -> String {
    SIGNALS
        .iter()
        .find(|(_, number)| *number == signal)
        .map_or_else(|| format!("signal {signal}"), |(name, _)| (*name).to_owned())
}

/// Get the number that is meant by `HUP`, `sighup`, `1` or ` 1 `. 0 asks only whether the process can be signalled.
pub fn number(text: &str) -> Option<i32> {
    if let Ok(number) = int(text) {
        let number = i32::try_from(number).ok()?;
        return (number == 0 || SIGNALS.iter().any(|(_, known)| *known == number)).then_some(number);
    }
    let upper = strip(text).to_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    SIGNALS.iter().find(|(name, _)| &name[3..] == bare).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_spelling() {
        for text in ["HUP", "hup", "SIGHUP", " sighup ", "1", " 1 ", "+1", "0_1"] {
            assert_eq!(number(text), Some(1), "{text:?}");
        }
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("RTMAX"), Some(64));
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for text in ["", "SIG", "-1", "99", "4294967297", "1.5", "32", "NOPE", "SIG_IGN", "_IGN"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_print_as_names() {
        assert_eq!(name(15), "SIGTERM");
        assert_eq!(name(29), "SIGPOLL");
        assert_eq!(name(40), "signal 40");
    }
}
