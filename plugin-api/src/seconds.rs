//! Times in a config file.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// A time, written as Supervisor writes times: as a number of seconds, which may have a fraction.
///
/// ```
/// use std::time::Duration;
///
/// use plugin_api::{Config, Seconds};
///
/// #[derive(serde::Deserialize)]
/// struct Options {
///     timeout: Seconds,
/// }
///
/// let options: Options = Config::new([("timeout", "0.5".into())]).read().unwrap();
/// assert_eq!(options.timeout.duration(), Duration::from_millis(500));
/// let fault = Config::new([("timeout", "soon".into())]).read::<Options>().err().unwrap();
/// assert_eq!(fault.text, "BAD_ARGUMENTS: timeout: expected a number of seconds such as 5 or 0.5, not 'soon'");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(Duration);

/// Description of a time, for errors.
const EXPECTED: &str = "a number of seconds such as 5 or 0.5";

impl Seconds {
    /// A time of that length.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The length of the time.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

/// Read a time from text, as INI has it, or from a number of TOML.
struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
        let number = text.trim().parse::<f64>().ok();
        let time = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
        time.map(Seconds).ok_or_else(|| E::custom(format_args!("expected {EXPECTED}, not '{text}'")))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Seconds, E> {
        Duration::try_from_secs_f64(number)
            .map(Seconds)
            .map_err(|_| E::custom(format_args!("{number} is out of range")))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Seconds, E> {
        let number = u64::try_from(number).map_err(|_| E::custom(format_args!("{number} is out of range")))?;
        self.visit_u64(number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Seconds, E> {
        Ok(Seconds(Duration::from_secs(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Value};

    #[derive(Deserialize)]
    struct Options {
        time: Seconds,
    }

    fn read(time: impl Into<Value>) -> Result<Duration, String> {
        let config = Config::new([("time", time.into())]);
        config.read::<Options>().map(|options| options.time.duration()).map_err(|fault| fault.detail().to_owned())
    }

    #[test]
    fn times_are_seconds() {
        for (text, millis) in [("0", 0), (" 2 ", 2000), ("0.25", 250), ("1e1", 10_000)] {
            assert_eq!(read(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(read(7), Ok(Duration::from_secs(7)));
        assert_eq!(read(1.5), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn what_is_no_time_is_named() {
        for text in ["", "2s", "-1", "nan", "inf", "1e300"] {
            assert_eq!(read(text), Err(format!("time: expected {EXPECTED}, not '{text}'")));
        }
        assert_eq!(read(-1), Err("time: -1 is out of range".to_owned()));
        assert_eq!(read(f64::NAN), Err("time: NaN is out of range".to_owned()));
    }
}
