//! Way of one output of one process: to its log file, to syslog, to the activity log, and as events.

use std::{path::Path, sync::Arc, time::SystemTime};

use super::{
    activity_log::ActivityLog,
    capture::Part,
    filters::Filters,
    line_buffer::LineBuffer,
    log::{Backlog, Destination, Job, Log, MIN_PIECE},
    log_counts::LogCounter,
    log_lines::LineFormat,
    open_logs::OpenLogs,
    target::{OutputTarget, Source},
};
use crate::{
    events::{self, Bus, Channel, Event},
    logger::{Level, Syslog, Timestamps},
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
    /// Writer of the times of lines.
    times: Timestamps,
    /// Counter of pipes that were enlarged: each holds it.
    pub(super) enlarged: Arc<()>,
}

impl Context {
    pub(super) fn new(activity: ActivityLog, bus: Bus, strip_ansi: bool, backlog: &Arc<Backlog>) -> Self {
        let syslog = Log::of_lines(Path::new("syslog"), Destination::Syslog(Syslog::default()), backlog);
        Self { activity, bus, syslog, strip_ansi, times: Timestamps::default(), enlarged: Arc::default() }
    }
}

/// Destinations of one output that is open, and the filters on the way there.
pub(super) struct Sink {
    /// Origin of the output.
    source: Source,
    /// Destinations as they were asked for.
    target: OutputTarget,
    /// Filters, with what they keep back.
    filters: Filters,
    /// Log file.
    file: Option<Arc<Log>>,
    /// Form of its lines, where they have one.
    line_format: Option<LineFormat>,
    /// Counter of what the log file takes.
    log_counter: Arc<LogCounter>,
    /// Set where it is copied to the activity log.
    to_activity: bool,
}

impl Sink {
    /// Open the destinations of an output. `filters` are those that it had under an earlier supervisord, if it had one.
    pub(super) fn open(
        source: Source,
        target: OutputTarget,
        filters: Option<Filters>,
        log_counter: Arc<LogCounter>,
        files: &mut OpenLogs,
        context: &Context,
    ) -> Self {
        let file = target.path.as_ref().map(|path| files.get(path, &target, &source));
        let filters = match filters {
            Some(filters) => filters.with_options(&target, context.strip_ansi),
            None => Filters::new(&target, context.strip_ansi),
        };
        let line_format = target.line_form().map(|form| LineFormat::new(form, &source));
        let to_activity = context.activity.logs(Level::Debug);
        Self { source, target, filters, file, line_format, log_counter, to_activity }
    }

    /// Take up another rotation and form of the log, and whether there are events, of the target of stdout or stderr.
    pub(super) fn retarget(&mut self, targets: &[OutputTarget; 2], context: &mut Context) {
        let [stdout, stderr] = targets;
        let target = if self.source.channel == Channel::Stdout { stdout } else { stderr };
        if target.log_format != self.target.log_format {
            // The line that has begun has the old form, and ends.
            self.finish_line(context);
            self.line_format = target.line_form().map(|form| LineFormat::new(form, &self.source));
            self.filters.log_lines = self.line_format.as_ref().map(|_| LineBuffer::default());
        }
        self.target = target.clone();
        if let Some(file) = &self.file {
            file.push(Job::Limit(target.rotation()));
        }
    }

    /// The output, its destinations and what is kept back on the way there, for whoever takes over.
    pub(super) fn state(&self) -> (&Source, &OutputTarget, &Filters) {
        (&self.source, &self.target, &self.filters)
    }

    /// List the logs that it writes to.
    pub(super) fn logs<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Arc<Log>> {
        let syslog = self.filters.lines.is_some().then_some(&context.syslog);
        let activity = self.to_activity.then(|| context.activity.all());
        self.file.iter().chain(syslog).chain(activity.into_iter().flatten())
    }

    /// Return whether the process should wait before it writes more. A conversation goes on whatever its log does.
    pub(super) fn is_full(&self, context: &Context) -> bool {
        !self.target.is_protocol && self.logs(context).any(|log| log.is_full())
    }

    /// Take what the process wrote: the first `count` bytes of a piece. Much for a file alone is not copied.
    pub(super) fn write_piece(&mut self, piece: &mut Vec<u8>, count: usize, context: &mut Context) {
        let is_plain =
            !self.target.events && !self.to_activity && self.filters.lines.is_none() && self.filters.capture.is_none();
        let is_plain = is_plain && self.line_format.is_none();
        let is_plain = is_plain && self.filters.ansi.as_ref().is_none_or(|ansi| ansi.passes(&piece[..count]));
        match &self.file {
            Some(file) if is_plain && count >= MIN_PIECE => file.write_piece(piece, count, &self.log_counter),
            _ => self.write(&piece[..count], context),
        }
    }

    /// Take what the process wrote.
    pub(super) fn write(&mut self, data: &[u8], context: &mut Context) {
        if self.target.is_protocol && self.to_activity {
            let Source { process, channel, .. } = &self.source;
            let bytes = events::bytes_repr(data);
            context.activity.log(Level::Debug, format!("{} {} output:\n{bytes}", repr(process), channel.name()));
        }
        if let Some(ansi) = self.filters.ansi.as_mut().filter(|ansi| !ansi.passes(data)) {
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
        if let Some(ansi) = &mut self.filters.ansi {
            ansi.finish(&mut rest);
        }
        self.cut_out(&rest, context);
        if let Some(mut capture) = self.filters.capture.take() {
            capture.finish(|part| self.part(part, context));
        }
        if let Some(mut lines) = self.filters.lines.take() {
            lines.finish(|lines| self.to_syslog(lines.text, context));
        }
        self.finish_line(context);
        let cut = std::mem::take(&mut self.filters.cut);
        if !cut.is_empty() {
            self.log_output(&cut, context);
        }
        if let Some(file) = self.file.take() {
            file.release();
        }
    }

    fn cut_out(&mut self, data: &[u8], context: &mut Context) {
        match self.filters.capture.take() {
            Some(mut capture) => {
                capture.feed(data, |part| self.part(part, context));
                self.filters.capture = Some(capture);
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
            self.write_file(data, context);
            if let Some(mut lines) = self.filters.lines.take() {
                lines.feed(data, |lines| self.to_syslog(lines.text, context));
                self.filters.lines = Some(lines);
            }
        }
        if self.to_activity && !self.target.is_protocol {
            self.copy_to_activity(data, context);
        }
        if self.target.events && context.bus.asks_for(self.source.channel.log_event()) {
            let Source { process, group, pid, channel } = self.source.clone();
            context.bus.publish(Event::ProcessLog { process, group, pid, channel, data: data.to_vec() });
        }
    }

    fn write_file(&mut self, data: &[u8], context: &mut Context) {
        let Some(file) = &self.file else { return };
        match (&self.line_format, &mut self.filters.log_lines) {
            (Some(format), Some(lines)) => {
                let mut head = None;
                lines.feed(data, |lines| {
                    let head = head.get_or_insert_with(|| format.head(SystemTime::now(), &mut context.times));
                    file.write_lines(head, lines, &self.log_counter);
                });
            }
            _ => file.write(data, Some(&self.log_counter)),
        }
    }

    /// Write the line that has begun: it ends here.
    fn finish_line(&mut self, context: &mut Context) {
        if let (Some(file), Some(format), Some(lines)) = (&self.file, &self.line_format, &mut self.filters.log_lines) {
            let head = format.head(SystemTime::now(), &mut context.times);
            lines.finish(|lines| file.write_lines(&head, lines, &self.log_counter));
        }
    }

    fn to_syslog(&self, lines: &[u8], context: &Context) {
        context.syslog.record(format!("{} ", self.source.process), lines.to_vec());
    }

    /// Copy output to the activity log. A character that the pipe cut in two must not make all of it undecodable.
    fn copy_to_activity(&mut self, data: &[u8], context: &mut Context) {
        let mut whole = std::mem::take(&mut self.filters.cut);
        whole.extend_from_slice(data);
        if let Err(error) = std::str::from_utf8(&whole)
            && error.error_len().is_none()
        {
            self.filters.cut = whole.split_off(error.valid_up_to());
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
