//! The levels of the activity log.

/// Levels of the activity log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `BLAT`: everything.
    Blather,
    /// `TRAC`.
    Trace,
    /// `DEBG`.
    Debug,
    /// `INFO`: what an operator wants to know.
    Info,
    /// `WARN`: what an operator should look at.
    Warn,
    /// `ERRO`.
    Error,
    /// `CRIT`.
    Critical,
}

impl Level {
    /// All of them, the least first.
    pub const ALL: [Self; 7] =
        [Self::Blather, Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];

    /// Label of that level in lines of the log, which is Supervisor's word for it: `INFO`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Blather => "BLAT",
            Self::Trace => "TRAC",
            Self::Debug => "DEBG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERRO",
            Self::Critical => "CRIT",
        }
    }

    /// Supervisor's number for it: 20 for `INFO`.
    pub fn number(self) -> i32 {
        match self {
            Self::Blather => 3,
            Self::Trace => 5,
            Self::Debug => 10,
            Self::Info => 20,
            Self::Warn => 30,
            Self::Error => 40,
            Self::Critical => 50,
        }
    }

    /// The level of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// As the config and the boundary spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blather => "blather",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}
