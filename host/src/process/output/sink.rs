//! Where one output of one process goes: its log file, syslog, the activity log, events.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs::OpenOptions,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    rc::{Rc, Weak},
    sync::Arc,
};

use super::{
    activity::Activity,
    ansi::AnsiStripper,
    capture::{Capture, Part},
    heard::Heard,
    lines::Lines,
};
use crate::{
    config::{self, Logfile},
    events::{self, Bus, Channel, Event},
    logger::{Level, LogFile, Syslog, is_of_the_system},
    text::repr::repr,
};

/// The destinations of one output of a process, with `AUTO` resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    /// The log file; `None` for `NONE`.
    pub path: Option<PathBuf>,
    maxbytes: u64,
    backups: u32,
    syslog: bool,
    events: bool,
    capture_maxbytes: u64,
    /// It is a conversation: shown as bytes in the activity log.
    is_protocol: bool,
}

impl Target {
    /// Resolves one output of a process. `auto` makes the file that an `AUTO` log asks for.
    pub fn new(output: &config::Output, auto: impl FnOnce() -> io::Result<PathBuf>) -> io::Result<Self> {
        let path = match &output.logfile {
            // The config has put `*_syslog=true` in the place of syslog.
            Logfile::None | Logfile::Syslog => None,
            Logfile::Auto => Some(auto()?),
            Logfile::Path(path) => Some(path.clone()),
        };
        Ok(Self {
            path,
            maxbytes: output.maxbytes,
            backups: output.backups,
            syslog: output.syslog,
            events: output.events_enabled,
            capture_maxbytes: output.capture_maxbytes,
            is_protocol: false,
        })
    }

    /// The same for the stdout of an event listener: it only has a log file.
    #[must_use]
    pub fn of_protocol(self) -> Self {
        Self { syslog: false, events: false, capture_maxbytes: 0, is_protocol: true, ..self }
    }
}

/// Whose output it is.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) process: String,
    pub(super) group: String,
    pub(super) pid: i32,
    pub(super) channel: Channel,
}

/// The log files that are open. Two processes with one log share it, and so rotate it once.
#[derive(Default)]
pub(super) struct Files {
    open: HashMap<PathBuf, Weak<RefCell<LogFile>>>,
}

type SharedFile = Rc<RefCell<LogFile>>;

impl Files {
    fn get(&mut self, path: &Path, target: &Target) -> (SharedFile, io::Result<()>) {
        if let Some(file) = self.open.get(path).and_then(Weak::upgrade) {
            return (file, Ok(()));
        }
        let (file, result) = match LogFile::open(path, target.maxbytes, target.backups) {
            Ok(file) => (file, Ok(())),
            Err(error) => (LogFile::closed(path, target.maxbytes, target.backups), Err(error)),
        };
        let file = Rc::new(RefCell::new(file));
        self.open.retain(|_, file| file.strong_count() > 0);
        self.open.insert(path.to_owned(), Rc::downgrade(&file));
        (file, result)
    }

    /// Opens every file anew.
    pub(super) fn reopen(&self, activity: &mut Activity) {
        for file in self.open.values().filter_map(Weak::upgrade) {
            let mut file = file.borrow_mut();
            if let Err(error) = file.reopen() {
                activity.log(Level::Error, format!("could not reopen {}: {error}", file.path().display()));
            }
        }
    }

    /// Empties a log, whether its process runs or not. One that does not exist is empty.
    pub(super) fn clear(&self, path: &Path) -> io::Result<()> {
        if let Some(file) = self.open.get(path).and_then(Weak::upgrade) {
            return file.borrow_mut().clear();
        }
        if is_of_the_system(path) {
            return Ok(());
        }
        match OpenOptions::new().write(true).truncate(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result.map(drop),
        }
    }
}

/// What the sinks share.
pub(super) struct Context {
    pub(super) activity: Activity,
    heard: Heard,
    syslog: Syslog,
    strip_ansi: bool,
    /// Held by each pipe that was enlarged, and so counts them.
    pub(super) enlarged: Rc<()>,
}

impl Context {
    pub(super) fn new(activity: Activity, bus: Bus, strip_ansi: bool) -> Self {
        let (heard, syslog, enlarged) = (Heard::new(bus), Syslog::default(), Rc::default());
        Self { activity, heard, syslog, strip_ansi, enlarged }
    }

    /// Publishes an event of somebody else's, in its turn. Its payload has so many bytes.
    pub(super) fn tell(&mut self, event: Arc<Event>, bytes: usize) {
        if let Some(news) = self.heard.tell(event, bytes) {
            self.activity.log(Level::Error, news);
        }
    }

    fn publish(&mut self, event: Event, bytes: usize) {
        if let Some(news) = self.heard.publish(event, bytes) {
            self.activity.log(Level::Error, news);
        }
    }
}

/// The end of the line for one output.
pub(super) struct Sink {
    source: Source,
    ansi: Option<AnsiStripper>,
    capture: Option<Capture>,
    file: Option<SharedFile>,
    /// Whole lines for syslog.
    syslog: Option<Lines>,
    events: bool,
    is_protocol: bool,
    to_activity: bool,
    /// The beginning of a character whose end has not come yet; only for the activity log.
    cut: Vec<u8>,
}

impl Sink {
    pub(super) fn open(source: Source, target: &Target, files: &mut Files, context: &mut Context) -> Self {
        let file = target.path.as_ref().map(|path| {
            let (file, result) = files.get(path, target);
            if let Err(error) = result {
                context.activity.log(
                    Level::Error,
                    format!(
                        "could not open the {} log of '{}', {}: {error}; its output is lost",
                        source.channel.name(),
                        source.process,
                        path.display()
                    ),
                );
            }
            file
        });
        Self {
            source,
            ansi: context.strip_ansi.then(AnsiStripper::default),
            capture: (target.capture_maxbytes > 0).then(|| Capture::new(target.capture_maxbytes)),
            file,
            syslog: target.syslog.then(Lines::default),
            events: target.events,
            is_protocol: target.is_protocol,
            to_activity: context.activity.logs(Level::Debug),
            cut: Vec::new(),
        }
    }

    /// Takes what the process wrote.
    pub(super) fn write(&mut self, data: &[u8], context: &mut Context) {
        if self.is_protocol && self.to_activity {
            let Source { process, channel, .. } = &self.source;
            let bytes = events::bytes_repr(data);
            context.activity.log(Level::Debug, format!("{} {} output:\n{bytes}", repr(process), channel.name()));
        }
        if let Some(ansi) = self.ansi.as_mut().filter(|ansi| !ansi.passes(data)) {
            let mut stripped = Vec::with_capacity(data.len());
            ansi.strip(data, &mut stripped);
            self.cut_out(&stripped, context);
        } else {
            self.cut_out(data, context);
        }
    }

    /// The process will write no more.
    pub(super) fn finish(&mut self, context: &mut Context) {
        let mut rest = Vec::new();
        if let Some(ansi) = &mut self.ansi {
            ansi.finish(&mut rest);
        }
        self.cut_out(&rest, context);
        if let Some(mut capture) = self.capture.take() {
            capture.finish(|part| self.part(part, context));
        }
        if let Some(mut lines) = self.syslog.take() {
            lines.finish(|data| self.to_syslog(data, context));
        }
        let cut = std::mem::take(&mut self.cut);
        if !cut.is_empty() {
            self.log_output(&cut, context);
        }
    }

    fn cut_out(&mut self, data: &[u8], context: &mut Context) {
        match self.capture.take() {
            Some(mut capture) => {
                capture.feed(data, |part| self.part(part, context));
                self.capture = Some(capture);
            }
            None => self.emit(data, true, context),
        }
    }

    fn part(&mut self, part: Part<'_>, context: &mut Context) {
        match part {
            Part::Plain(data) => self.emit(data, true, context),
            Part::Captured(data) => self.emit(data, false, context),
            Part::Complete(data) => {
                let Source { process, group, pid, channel } = self.source.clone();
                let line = format!("{} {} emitted a comm event", repr(&process), channel.name());
                let bytes = data.len();
                context.publish(Event::ProcessCommunication { process, group, pid, channel, data }, bytes);
                context.activity.log(Level::Debug, line);
            }
        }
    }

    fn emit(&mut self, data: &[u8], to_log: bool, context: &mut Context) {
        if data.is_empty() {
            return;
        }
        if to_log {
            if let Some(news) = self.file.as_ref().and_then(|file| file.borrow_mut().write(data)) {
                context.activity.log(Level::Error, news);
            }
            if let Some(mut lines) = self.syslog.take() {
                lines.feed(data, |lines| self.to_syslog(lines, context));
                self.syslog = Some(lines);
            }
        }
        if self.to_activity && !self.is_protocol {
            self.copy_to_activity(data, context);
        }
        if self.events && context.heard.asks_for(self.source.channel.log_event()) {
            let Source { process, group, pid, channel } = self.source.clone();
            let event = Event::ProcessLog { process, group, pid, channel, data: data.to_vec() };
            context.publish(event, data.len());
        }
    }

    fn to_syslog(&self, lines: &[u8], context: &mut Context) {
        if let Some(news) = context.syslog.write(&format!("{} ", self.source.process), lines) {
            context.activity.log(Level::Error, news);
        }
    }

    /// A character that the pipe cut in two must not make all of the output undecodable.
    fn copy_to_activity(&mut self, data: &[u8], context: &mut Context) {
        let mut whole = std::mem::take(&mut self.cut);
        whole.extend_from_slice(data);
        if let Err(error) = std::str::from_utf8(&whole)
            && error.error_len().is_none()
        {
            self.cut = whole.split_off(error.valid_up_to());
        }
        if !whole.is_empty() {
            self.log_output(&whole, context);
        }
    }

    fn log_output(&self, data: &[u8], context: &mut Context) {
        let Source { process, channel, .. } = &self.source;
        let text = events::text(data);
        context.activity.log(Level::Debug, format!("{} {} output:\n{text}", repr(process), channel.name()));
    }
}
