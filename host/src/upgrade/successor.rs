//! The one that comes: a supervisord that another one has executed in its place, or that gets its state back.

use std::{
    ffi::OsString,
    fs::File,
    io::{Read as _, Seek as _},
    os::fd::{AsRawFd as _, OwnedFd, RawFd},
    process,
};

use super::{state::State, state_file, way_back::WayBack};
use crate::{
    config::Config,
    daemon, handed_fds,
    linux::this_process,
    logger::Logger,
    rpc::{HandedOver, UpgradeStatus},
    version,
};

/// Environment variable with what a successor has to know: `PID:STATE:EXECUTABLE:ATTEMPT:REASON`, of which all but the
/// first and the fourth are numbers of descriptors. The pid, so that it means nothing to a program that inherits it.
const UPGRADE: &str = "SUPERVISORD_UPGRADE";

/// Place of this one among those that try to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The new one.
    New,
    /// The one before, since the new one has failed.
    Back,
    /// The one before, without plugins, since with them it has failed as well.
    BackWithoutPlugins,
}

impl Attempt {
    fn number(self) -> u32 {
        match self {
            Self::New => 0,
            Self::Back => 1,
            Self::BackWithoutPlugins => 2,
        }
    }

    fn from_number(number: u32) -> Self {
        match number {
            0 => Self::New,
            1 => Self::Back,
            _ => Self::BackWithoutPlugins,
        }
    }
}

/// Descriptors, and the rest, as the environment variable has them.
struct Mark {
    state: RawFd,
    executable: RawFd,
    attempt: Attempt,
    /// File with the reason for going back; -1 where there is none.
    reason: RawFd,
}

impl Mark {
    fn variable(&self) -> (OsString, OsString) {
        let Self { state, executable, attempt, reason } = self;
        let text = format!("{}:{state}:{executable}:{}:{reason}", process::id(), attempt.number());
        (UPGRADE.into(), text.into())
    }

    /// Take it from the environment, if it is meant for this process.
    fn take() -> Option<Self> {
        let text = daemon::take_variable(UPGRADE)?;
        let mut fields = text.split(':');
        let mut number = || fields.next()?.parse::<i64>().ok();
        (number()? == i64::from(process::id())).then_some(())?;
        let mut descriptor = || RawFd::try_from(number()?).ok();
        let (state, executable) = (descriptor()?, descriptor()?);
        let attempt = Attempt::from_number(u32::try_from(descriptor()?).ok()?);
        Some(Self { state, executable, attempt, reason: descriptor()? })
    }
}

/// Return the variable by which a supervisord that is executed now knows what it has to do.
pub(super) fn mark_for_new(state: RawFd, executable: RawFd) -> (OsString, OsString) {
    Mark { state, executable, attempt: Attempt::New, reason: -1 }.variable()
}

/// A supervisord that is to go on where another one has stopped.
#[derive(Debug)]
pub struct Successor {
    /// State that was handed over.
    pub state: State,
    /// Values that plugins have handed over.
    pub plugins: HandedOver,
    /// Attempt that this one is.
    attempt: Attempt,
    /// Reason why the attempt before failed.
    reason: Option<String>,
    /// Number of processes that were alive.
    alive: usize,
    way_back: Option<WayBack>,
    /// Reason why there is no way back, where there should be one.
    no_way_back: Option<String>,
}

impl Successor {
    /// Find out whether this process is to go on where another supervisord has stopped, and if so open the way back.
    ///
    /// To be called first of all, before any other thread exists and before anything is opened.
    pub fn of_this_process() -> Result<Option<Self>, String> {
        let Some(mark) = Mark::take() else { return Ok(None) };
        let own = [mark.state, mark.executable, mark.reason].into_iter().filter(|number| *number >= 0);
        handed_fds::keep(&own.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
        let take = |number| handed_fds::take(number).map_err(|error| error.to_string());
        let (file, executable) = (File::from(take(mark.state)?), take(mark.executable)?);
        let reason = if mark.reason < 0 { None } else { take(mark.reason).ok().and_then(read_reason) };
        let (state, plugins): (State, _) = match state_file::read(&file) {
            Ok(read) => read,
            Err(error) => {
                // The descriptors, which are not known yet, are still as they were left: to be kept over an exec.
                if mark.attempt != Attempt::BackWithoutPlugins {
                    Self::open_way_back(&mark, file, executable, Vec::new())?.take(&error);
                }
                return Err(error);
            }
        };
        let descriptors: Vec<_> = state.descriptors().collect();
        if mark.attempt != Attempt::New {
            // Executed from a descriptor, it is named after that.
            let _ = this_process::set_name(c"supervisord");
        }
        let (way_back, no_way_back) = match mark.attempt {
            Attempt::BackWithoutPlugins => (None, None),
            // To end for want of a way back would be worse than to go on without one.
            _ => match Self::open_way_back(&mark, file, executable, descriptors.clone()) {
                Ok(way_back) => (Some(way_back), None),
                Err(why) => (None, Some(why)),
            },
        };
        handed_fds::keep(&descriptors).map_err(|error| error.to_string())?;
        let alive = state.supervisor.alive().len();
        Ok(Some(Self { state, plugins, attempt: mark.attempt, reason, alive, way_back, no_way_back }))
    }

    /// Take the config of the one that has handed over, if this one is to go on in its way.
    pub fn old_config(&mut self) -> Option<Config> {
        (self.attempt != Attempt::New).then(|| {
            // Without plugins, groups that need one are not looked at.
            let groups = match self.attempt {
                Attempt::BackWithoutPlugins => {
                    self.state.config.drop_plugins();
                    Vec::new()
                }
                _ => self.state.supervisor.groups(),
            };
            std::mem::take(&mut self.state.config).into_config(groups)
        })
    }

    /// Log why the attempt before failed, if one has; what runs, where this is the last one; and that there is no way
    /// back, where that could not be opened.
    pub fn tell_of_failure(&self, logger: &Logger) {
        if let Some(why) = &self.no_way_back {
            logger.error(format_args!("{why}; should this one fail now, nobody goes on"));
        }
        let Some(reason) = &self.reason else { return };
        logger.critical(format_args!("the supervisord that was to go on could not: {reason}"));
        if self.attempt == Attempt::BackWithoutPlugins {
            let alive = self.state.supervisor.alive();
            let alive: Vec<_> = alive.iter().map(|(name, pid, _)| format!("{name} ({pid})")).collect();
            logger.critical(format_args!("going on without plugins; running are {}", alive.join(", ")));
        }
    }

    /// Return the status of upgrades, now that this one goes on. Log how it went.
    pub fn status(&self, logger: &Logger) -> UpgradeStatus {
        let State { version, upgrades, failures, begun, .. } = &self.state;
        let took = begun.elapsed().unwrap_or_default();
        let mut status = UpgradeStatus {
            version: version::OWN.to_owned(),
            upgrades: *upgrades,
            failures: *failures,
            ..UpgradeStatus::default()
        };
        let alive = self.alive;
        if self.attempt == Attempt::New {
            status.upgrades += 1;
            status.seconds = Some(took.as_secs_f64());
            let (now, millis) = (version::OWN, took.as_millis());
            logger
                .info(format_args!("upgraded supervisord {version} to {now} in {millis} ms; {alive} processes go on"));
        } else {
            status.failures += 1;
            status.failure.clone_from(&self.reason);
            logger.critical(format_args!("went back to supervisord {version}; {alive} processes go on"));
        }
        status
    }

    /// Close the way back: from here on this supervisord does its work, and has taken what was handed over to it.
    pub fn begin(&mut self) {
        if let Some(way_back) = self.way_back.take() {
            way_back.close();
        }
    }

    /// Give up, if there is a way back. Returns where there is none.
    pub fn give_up(&self, why: &str) {
        if let Some(way_back) = &self.way_back {
            way_back.take(why);
        }
    }

    fn open_way_back(
        mark: &Mark,
        state: File,
        executable: OwnedFd,
        mut descriptors: Vec<RawFd>,
    ) -> Result<WayBack, String> {
        // That is the executable of the first in any case: the one that goes back finds its own there.
        let next = Attempt::from_number(mark.attempt.number() + 1);
        let numbers = (state.as_raw_fd(), executable.as_raw_fd());
        descriptors.extend([numbers.0, numbers.1]);
        let marks = |reason| {
            let mark = Mark { state: numbers.0, executable: numbers.1, attempt: next, reason };
            vec![mark.variable(), daemon::restart_mark()]
        };
        WayBack::open(executable, state.into(), descriptors, marks)
            .map_err(|error| format!("cannot open a way back: {error}"))
    }
}

/// Read the reason that the attempt before has left.
fn read_reason(file: OwnedFd) -> Option<String> {
    let (mut file, mut text) = (File::from(file), Vec::new());
    file.rewind().ok()?;
    file.read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
