//! Signals by number and by name, with the names Supervisor prints.

use super::python::{int, strip};

/// Every signal that a config or a client may name: the ones Supervisor knows on Linux. Where two names share a number,
/// the first is the one that is printed.
const SIGNALS: &[(&str, i32)] = &[
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGIOT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGSTKFLT", 16),
    ("SIGCHLD", 17),
    ("SIGCLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGURG", 23),
    ("SIGXCPU", 24),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGWINCH", 28),
    ("SIGPOLL", 29),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", 31),
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
