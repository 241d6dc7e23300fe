//! The levels of the activity log.

/// A level of the activity log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// `BLAT`: everything.
    Blather,
    /// `TRAC`: every step of the supervisor.
    Trace,
    /// `DEBG`: details for who looks for a mistake.
    Debug,
    /// `INFO`: what an operator wants to know.
    Info,
    /// `WARN`: what an operator should look at.
    Warn,
    /// `ERRO`: a failure of one thing.
    Error,
    /// `CRIT`: a failure that keeps supervisord from its work.
    Critical,
}

impl Level {
    /// Every level, the least first.
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

    /// Supervisor's number for the level: 20 for `INFO`.
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

    /// The level of that [`number`](Self::number).
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }

    /// The level of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// The name as `loglevel=` has it: `info`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_found_by_its_name_and_its_number() {
        for level in Level::ALL {
            assert_eq!(
                (Level::from_name(level.name()), Level::from_number(level.number())),
                (Some(level), Some(level))
            );
        }
        assert_eq!((Level::from_name("INFO"), Level::from_number(21)), (None, None));
    }
}
