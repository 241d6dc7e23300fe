//! Way of one output of one process: to its log file, to syslog, to the activity log, and as events.

use std::{path::Path, sync::Arc};

use super::{
    activity_log::ActivityLog,
    ansi::AnsiStripper,
    capture::{Capture, Part},
    line_buffer::LineBuffer,
    log::{Backlog, Destination, Log, MIN_PIECE},
    open_logs::OpenLogs,
    target::{OutputTarget, Source},
};
use crate::{
    events::{self, Bus, Event},
    logger::{Level, Syslog},
    text::repr::repr,
};

/// Destinations that all sinks share.
pub(super) struct Context {
    /// Activity log, which gets a copy of all output at its level of debug.
    pub(super) activity: ActivityLog,
    /// Bus for the events of output.
    pub(super) bus: Bus,
    /// Syslog, for the output of all programs.
    pub(super) syslog: Arc<Log>,
    /// Option of that name.
    strip_ansi: bool,
    /// Counter of pipes that were enlarged: each holds it.
    pub(super) enlarged: Arc<()>,
}

impl Context {
    pub(super) fn new(activity: ActivityLog, bus: Bus, strip_ansi: bool, backlog: &Arc<Backlog>) -> Self {
        let syslog = Log::of_lines(Path::new("syslog"), Destination::Syslog(Syslog::default()), backlog);
        Self { activity, bus, syslog, strip_ansi, enlarged: Arc::default() }
    }
}

/// Destinations of one output that is open, and the filters on the way there.
pub(super) struct Sink {
    /// Origin of the output.
    source: Source,
    /// Filter, where `strip_ansi` is set.
    ansi: Option<AnsiStripper>,
    /// Parser of captured output. Boxed, for few programs have one.
    capture: Option<Box<Capture>>,
    /// Log file.
    file: Option<Arc<Log>>,
    /// Buffer that makes whole lines for syslog.
    syslog: Option<LineBuffer>,
    /// Set where it is published as events.
    events: bool,
    /// Set for the conversation of an event listener.
    is_protocol: bool,
    /// Set where it is copied to the activity log.
    to_activity: bool,
    /// Beginning of a character whose end has not come yet; only for the activity log.
    cut: Vec<u8>,
}

impl Sink {
    pub(super) fn open(source: Source, target: &OutputTarget, files: &mut OpenLogs, context: &Context) -> Self {
        let file = target.path.as_ref().map(|path| files.get(path, target, &source));
        Self {
            source,
            ansi: context.strip_ansi.then(AnsiStripper::default),
            capture: (target.capture_maxbytes > 0).then(|| Box::new(Capture::new(target.capture_maxbytes))),
            file,
            syslog: target.syslog.then(LineBuffer::default),
            events: target.events,
            is_protocol: target.is_protocol,
            to_activity: context.activity.logs(Level::Debug),
            cut: Vec::new(),
        }
    }

    /// List the logs that it writes to.
    pub(super) fn logs<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Arc<Log>> {
        let syslog = self.syslog.is_some().then_some(&context.syslog);
        let activity = self.to_activity.then(|| context.activity.all());
        self.file.iter().chain(syslog).chain(activity.into_iter().flatten())
    }

    /// Return whether the process should wait before it writes more. A conversation goes on whatever its log does.
    pub(super) fn is_full(&self, context: &Context) -> bool {
        !self.is_protocol && self.logs(context).any(|log| log.is_full())
    }

    /// Take what the process wrote: the first `count` bytes of a piece. Much for a file alone is not copied.
    pub(super) fn write_piece(&mut self, piece: &mut Vec<u8>, count: usize, context: &mut Context) {
        let is_plain = !self.events && !self.to_activity && self.syslog.is_none() && self.capture.is_none();
        let is_plain = is_plain && self.ansi.as_ref().is_none_or(|ansi| ansi.passes(&piece[..count]));
        match &self.file {
            Some(file) if is_plain && count >= MIN_PIECE => file.write_piece(piece, count),
            _ => self.write(&piece[..count], context),
        }
    }

    /// Take what the process wrote.
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

    /// Write what is left when the process has ended.
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

    /// Copy output to the activity log. A character that the pipe cut in two must not make all of it undecodable.
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
