//! Where one output of one process goes: its log file, syslog, the activity log, events.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    activity::Activity,
    ansi::AnsiStripper,
    capture::{Capture, Part},
    lines::Lines,
    log::{Destination, Job, Joined, Log, MUCH},
    threads::Threads,
};
use crate::{
    config::{self, Logfile},
    events::{self, Bus, Channel, Event},
    logger::{Level, LogFile, Syslog},
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

/// At how many log files those that are closed are forgotten, at least.
const SWEEP_AT: usize = 64;

/// The log files that are open. Two processes with one log share it, and so rotate it once.
pub(super) struct Files {
    open: HashMap<PathBuf, Arc<Log>>,
    /// At how many those that are closed are forgotten.
    sweep_at: usize,
    threads: Arc<Threads>,
}

impl Files {
    pub(super) fn new(threads: &Arc<Threads>) -> Self {
        Self { open: HashMap::new(), sweep_at: SWEEP_AT, threads: Arc::clone(threads) }
    }

    /// The log of one output, to be [released](Log::release) by its user.
    fn get(&mut self, path: &Path, target: &Target, source: &Source) -> Arc<Log> {
        if let Some(log) = self.open.get(path).filter(|log| log.take()) {
            return Arc::clone(log);
        }
        let log = self.add(path, LogFile::closed(path, target.maxbytes, target.backups));
        log.take();
        log.push(Job::Open(format!("the {} log of '{}'", source.channel.name(), source.process)));
        log
    }

    fn add(&mut self, path: &Path, file: LogFile) -> Arc<Log> {
        let log = Log::new(path, Destination::File(file), &self.threads);
        if self.open.len() >= self.sweep_at {
            self.open.retain(|_, log| !log.is_closed());
            self.sweep_at = SWEEP_AT.max(2 * self.open.len());
        }
        self.open.insert(path.to_owned(), Arc::clone(&log));
        log
    }

    /// All that are open.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Log>> {
        self.open.values()
    }

    /// Opens every file anew.
    pub(super) fn reopen(&self) {
        for log in self.all().filter(|log| log.take()) {
            log.push(Job::Reopen);
            log.release();
        }
    }

    /// Empties a log, whether its process runs or not. One that does not exist is empty.
    pub(super) fn clear(&mut self, path: &Path, joined: &Arc<Joined>) {
        let open = self.open.get(path).filter(|log| log.take()).map(Arc::clone);
        let is_open = open.is_some();
        let log = open.unwrap_or_else(|| {
            let log = self.add(path, LogFile::closed(path, 0, 0));
            log.take();
            log
        });
        let job = if is_open { Job::Clear } else { Job::Truncate };
        log.push(job(Arc::clone(joined)));
        log.release();
    }
}

/// What the sinks share.
pub(super) struct Context {
    pub(super) activity: Activity,
    pub(super) bus: Bus,
    /// Of all programs.
    pub(super) syslog: Arc<Log>,
    strip_ansi: bool,
    /// Held by each pipe that was enlarged, and so counts them.
    pub(super) enlarged: Arc<()>,
}

impl Context {
    pub(super) fn new(activity: Activity, bus: Bus, strip_ansi: bool, threads: &Arc<Threads>) -> Self {
        let syslog = Log::of_lines(Path::new("syslog"), Destination::Syslog(Syslog::default()), threads);
        Self { activity, bus, syslog, strip_ansi, enlarged: Arc::default() }
    }
}

/// The end of the line for one output.
pub(super) struct Sink {
    source: Source,
    ansi: Option<AnsiStripper>,
    capture: Option<Capture>,
    file: Option<Arc<Log>>,
    /// Whole lines for syslog.
    syslog: Option<Lines>,
    events: bool,
    is_protocol: bool,
    to_activity: bool,
    /// The beginning of a character whose end has not come yet; only for the activity log.
    cut: Vec<u8>,
}

impl Sink {
    pub(super) fn open(source: Source, target: &Target, files: &mut Files, context: &Context) -> Self {
        let file = target.path.as_ref().map(|path| files.get(path, target, &source));
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

    /// All that it writes to.
    pub(super) fn logs<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Arc<Log>> {
        let syslog = self.syslog.is_some().then_some(&context.syslog);
        let activity = self.to_activity.then(|| context.activity.all());
        self.file.iter().chain(syslog).chain(activity.into_iter().flatten())
    }

    /// Whether the process should wait before it writes more. A conversation goes on whatever its log does.
    pub(super) fn is_full(&self, context: &Context) -> bool {
        !self.is_protocol && self.logs(context).any(|log| log.is_full())
    }

    /// Takes what the process wrote: the first `count` bytes of a piece. Much for a file alone is not copied.
    pub(super) fn write_piece(&mut self, piece: &mut Vec<u8>, count: usize, context: &mut Context) {
        let is_plain = !self.events && !self.to_activity && self.syslog.is_none() && self.capture.is_none();
        let is_plain = is_plain && self.ansi.as_ref().is_none_or(|ansi| ansi.passes(&piece[..count]));
        match &self.file {
            Some(file) if is_plain && count >= MUCH => file.write_piece(piece, count),
            _ => self.write(&piece[..count], context),
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
        if let Some(file) = self.file.take() {
            file.release();
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
                context.bus.publish(Event::ProcessCommunication { process, group, pid, channel, data });
                context.activity.log(Level::Debug, line);
            }
        }
    }

    fn emit(&mut self, data: &[u8], to_log: bool, context: &mut Context) {
        if data.is_empty() {
            return;
        }
        if to_log {
            if let Some(file) = &self.file {
                file.write(data);
            }
            if let Some(mut lines) = self.syslog.take() {
                lines.feed(data, |lines| self.to_syslog(lines, context));
                self.syslog = Some(lines);
            }
        }
        if self.to_activity && !self.is_protocol {
            self.copy_to_activity(data, context);
        }
        if self.events && context.bus.asks_for(self.source.channel.log_event()) {
            let Source { process, group, pid, channel } = self.source.clone();
            context.bus.publish(Event::ProcessLog { process, group, pid, channel, data: data.to_vec() });
        }
    }

    fn to_syslog(&self, lines: &[u8], context: &Context) {
        context.syslog.record(format!("{} ", self.source.process), lines.to_vec());
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
