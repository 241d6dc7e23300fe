//! Loop that one of the output threads has at a time: reads the pipes, carries out commands, and speaks with event
//! listeners. It writes no logs: the thread that has it does that between two turns.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, ErrorKind},
    os::fd::{AsRawFd as _, OwnedFd},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, unix::SourceFd, unix::pipe};

use super::{
    activity_log::ActivityLog,
    completion::{Completion, Done},
    filters::Filters,
    handover::Freeze,
    log::{Backlog, Job, Log, PIECE},
    log_counts::LogCounter,
    open_logs::OpenLogs,
    pipe::{Pipe, Reading},
    queue::{ChildOutput, LogSet, OutputCommand, OutputQueue, Waiting},
    sink::{Context, Sink},
    target::{OutputTarget, Source},
};
use crate::{
    events::{Bus, Channel},
    logger::Level,
    process::stdin::Stdin,
};

pub(super) const WAKER: Token = Token(0);

/// Time between two attempts to have pipes watched that the system would not watch.
const WATCH_RETRY: Duration = Duration::from_millis(500);
/// Number of ready pipes that one poll finds.
const EVENTS: usize = 256;
/// Number of rounds of reading between two looks at the commands.
const ROUNDS: usize = 8;

/// Way of what comes out of a pipe that is new here.
pub(super) struct PipeWay {
    /// Number of the run of its process.
    pub(super) run: u64,
    pub(super) source: Source,
    pub(super) target: OutputTarget,
    /// Filters that it had under another supervisord.
    pub(super) filters: Option<Filters>,
    /// Set for the stdout of an event listener, which its pool reads.
    pub(super) is_conversation: bool,
    /// Counter of what comes of it.
    pub(super) log_counter: Arc<LogCounter>,
}

/// The loop, which one thread has at a time.
pub(super) struct OutputLoop {
    poll: Poll,
    events: Events,
    pub(super) queue: Arc<OutputQueue>,
    pub(super) context: Context,
    pub(super) logs: OpenLogs,
    backlog: Arc<Backlog>,
    /// Pipes by their tokens.
    pub(super) pipes: HashMap<usize, Pipe>,
    /// Stdins that do not take all that is to be sent, by their tokens, with the runs of their processes.
    stdins: HashMap<usize, (u64, Arc<Stdin>)>,
    /// Stdins of the event listeners that run, by their runs.
    pub(super) listeners: HashMap<u64, Arc<Stdin>>,
    /// Pipes that may hold something, in the order in which they are read.
    ready: VecDeque<usize>,
    /// Pipes that are not read before their log has room.
    paused: Vec<usize>,
    /// Pipes that the system would not watch yet.
    unwatched: Vec<usize>,
    /// Number of pauses of pipes up to now.
    pauses: u64,
    last_token: usize,
    /// Number of rounds of reading since the last look at the commands.
    rounds: usize,
    /// Callback for the end, once that was asked for.
    ended: Option<Done>,
    /// Wish to stand still, once the logs are written.
    pub(super) freeze: Option<Freeze>,
    buffer: Vec<u8>,
}

impl OutputLoop {
    pub(super) fn new(
        poll: Poll,
        queue: Arc<OutputQueue>,
        activity: ActivityLog,
        bus: Bus,
        strip_ansi: bool,
        backlog: Arc<Backlog>,
    ) -> Self {
        Self {
            poll,
            events: Events::with_capacity(EVENTS),
            queue,
            context: Context::new(activity, bus, strip_ansi, &backlog),
            logs: OpenLogs::new(&backlog),
            backlog,
            pipes: HashMap::new(),
            stdins: HashMap::new(),
            listeners: HashMap::new(),
            ready: VecDeque::new(),
            paused: Vec::new(),
            unwatched: Vec::new(),
            pauses: 0,
            last_token: WAKER.0,
            rounds: 0,
            ended: None,
            freeze: None,
            buffer: vec![0; PIECE],
        }
    }

    /// Read once from each pipe that may hold something. Before that, once in so many turns, wait until there is
    /// something to do, but no longer than `timeout` says, and carry out commands. Return whether to go on.
    pub(super) fn turn(&mut self, timeout: impl FnOnce() -> Option<Duration>) -> bool {
        if self.freeze.is_some() {
            // Nothing is read any more, so that the logs come to an end; a thread stands by for one that stalls.
            let _ = timeout();
            return self.commands() && self.try_freeze();
        }
        if self.rounds == 0 {
            // Catching up may have taken the wake-up for commands that came since.
            let idle = self.ready.is_empty() && self.queue.is_empty();
            let mut timeout = timeout();
            if !self.unwatched.is_empty() {
                self.watch_again();
                timeout = Some(timeout.map_or(WATCH_RETRY, |timeout| timeout.min(WATCH_RETRY)));
            }
            self.poll(if idle { timeout } else { Some(Duration::ZERO) });
            if !self.commands() {
                return false;
            }
            self.resume();
        }
        if self.freeze.is_some() {
            return true;
        }
        self.read_round();
        self.rounds = if self.ready.is_empty() { 0 } else { (self.rounds + 1) % ROUNDS };
        true
    }

    /// Find pipes that are ready. Return whether there may be others.
    pub(super) fn poll(&mut self, timeout: Option<Duration>) -> bool {
        if let Err(error) = self.poll.poll(&mut self.events, timeout) {
            if error.kind() != ErrorKind::Interrupted {
                self.context.activity.log(Level::Critical, format!("could not wait for output: {error}"));
            }
            return false;
        }
        let mut done = Vec::new();
        for event in &self.events {
            let token = event.token().0;
            if let Some(pipe) = self.pipes.get_mut(&token) {
                if !std::mem::replace(&mut pipe.ready, true) {
                    self.ready.push_back(token);
                }
            } else if let Some((_, stdin)) = self.stdins.get(&token)
                && stdin.flush() != Ok(true)
            {
                done.push(token);
            }
        }
        for token in done {
            self.forget_stdin(token);
        }
        self.events.iter().count() == EVENTS
    }

    /// Read once from each pipe that may hold something.
    fn read_round(&mut self) {
        for _ in 0..self.ready.len() {
            let Some(token) = self.ready.pop_front() else { return };
            let Some(pipe) = self.pipes.get_mut(&token) else { continue };
            if pipe.sink.is_full(&self.context) {
                self.pause(token);
                continue;
            }
            match pipe.read(&mut self.buffer, &mut self.context).1 {
                Reading::More => self.ready.push_back(token),
                Reading::Empty => pipe.ready = false,
                Reading::End => self.close(token),
            }
        }
    }

    /// Read no more of a pipe until there is room in a log.
    fn pause(&mut self, token: usize) {
        self.pauses += 1;
        self.paused.push(token);
        if let Some(pipe) = self.pipes.get_mut(&token) {
            pipe.paused.get_or_insert(self.pauses);
        }
    }

    /// Read paused pipes again, where there is room.
    fn resume(&mut self) {
        if self.backlog.take_room() {
            self.ready.extend(self.paused.drain(..));
        }
    }

    fn close(&mut self, token: usize) {
        if let Some(mut pipe) = self.pipes.remove(&token) {
            if pipe.paused.is_some() {
                self.paused.retain(|paused| *paused != token);
            }
            pipe.sink.finish(&mut self.context);
            let _ = self.poll.registry().deregister(&mut pipe.receiver);
        }
    }

    fn forget_stdin(&mut self, token: usize) {
        if let Some((_, stdin)) = self.stdins.remove(&token) {
            let _ = self.poll.registry().deregister(&mut SourceFd(&stdin.as_raw_fd()));
        }
    }

    fn token(&mut self) -> usize {
        self.last_token += 1;
        self.last_token
    }

    /// Carry out the commands. Return whether to go on.
    fn commands(&mut self) -> bool {
        let mut waiting = self.queue.take();
        for command in std::mem::take(&mut waiting.commands) {
            if !matches!(command, OutputCommand::Line(_) | OutputCommand::Publish(_)) {
                // Who waits for the log to be written finds in it what is missing.
                self.report_losses(&mut waiting);
            }
            match command {
                OutputCommand::Line(line) => self.context.activity.write(line),
                OutputCommand::Publish(queued) => self.context.bus.publish(Arc::clone(&queued.event)),
                OutputCommand::AddPool(pool) => self.add_pool(&pool),
                OutputCommand::RemovePool(name) => self.remove_pool(&name),
                OutputCommand::RemovePools => self.remove_pools(),
                OutputCommand::Add(child) => self.add(*child),
                OutputCommand::Adopt(output) => self.adopt(*output),
                OutputCommand::Freeze(freeze) => self.freeze = Some(freeze),
                OutputCommand::Retarget(run, targets) => {
                    for pipe in self.pipes.values_mut().filter(|pipe| pipe.run == run) {
                        pipe.sink.retarget(&targets, &mut self.context);
                    }
                }
                OutputCommand::Exited(run) => self.exited(run),
                OutputCommand::Stdin(run, stdin) => self.watch_stdin(run, stdin),
                OutputCommand::Listeners => self.serve_listeners(),
                OutputCommand::Reopen => {
                    self.context.activity.reopen(None);
                    self.logs.reopen();
                }
                OutputCommand::ReopenLogs(logs, done) => self.reopen_logs(&logs, &Completion::new(done)),
                OutputCommand::RotateLogs(logs, done) => {
                    // What programs have written before stands in the old files.
                    self.catch_up();
                    self.rotate_logs(&logs, &Completion::new(done));
                }
                OutputCommand::ClearActivity(done) => self.context.activity.clear(&Completion::new(done)),
                OutputCommand::Clear(paths, done) => {
                    let completion = Completion::new(done);
                    for path in &paths {
                        self.logs.clear(path, &completion);
                    }
                }
                OutputCommand::Flush { log, since, done } => self.flush(log, since, done),
                OutputCommand::Stop(done) => {
                    self.queue.close();
                    self.close_logs();
                    self.ended = Some(done);
                    return false;
                }
            }
        }
        self.report_losses(&mut waiting);
        true
    }

    fn reopen_logs(&mut self, logs: &LogSet<PathBuf>, completion: &Arc<Completion>) {
        match logs {
            LogSet::Activity => self.context.activity.reopen(Some(completion)),
            LogSet::Programs(paths) => paths.iter().for_each(|path| self.logs.reopen_one(path, completion)),
        }
    }

    fn rotate_logs(&mut self, logs: &LogSet<OutputTarget>, completion: &Arc<Completion>) {
        match logs {
            LogSet::Activity => self.context.activity.rotate(completion),
            LogSet::Programs(targets) => targets.iter().for_each(|target| self.logs.rotate(target, completion)),
        }
    }

    /// Log how many lines and events were dropped.
    fn report_losses(&mut self, waiting: &mut Waiting) {
        let why = "because they came too fast";
        let dropped = std::mem::take(&mut waiting.dropped_lines);
        if dropped > 0 {
            self.context.activity.log(Level::Error, format!("{dropped} lines of this log were dropped, {why}"));
        }
        let dropped = std::mem::take(&mut waiting.dropped_events);
        if dropped > 0 {
            self.context.activity.log(Level::Error, format!("{dropped} events were dropped, {why}"));
        }
    }

    /// Have `done` called once all that was written before is in a log, or in all of them. `since` is the number of
    /// pauses when this was begun.
    fn flush(&mut self, log: Option<PathBuf>, since: Option<u64>, done: Done) {
        self.catch_up();
        let (is_begun, since) = (since.is_some(), since.unwrap_or(self.pauses));
        let is_meant = |it: &&Arc<Log>| log.as_ref().is_none_or(|log| **it.name() == **log);
        // What could not be read for want of room can be once these logs are written.
        let paused = self.paused.iter().filter_map(|token| self.pipes.get(token));
        let unread = paused.filter(|pipe| pipe.paused.is_some_and(|number| number <= since));
        let unread = unread.map(|pipe| &pipe.sink).filter(|sink| sink.logs(&self.context).any(|it| is_meant(&it)));
        let awaited: Vec<_> = unread.flat_map(|sink| sink.logs(&self.context)).cloned().collect();
        let all = self.context.activity.all().chain([&self.context.syslog]).chain(self.logs.all());
        let logs: Vec<_> = all.filter(is_meant).chain(&awaited).cloned().collect();
        // What is said about logs while they are written is to stand in the activity log.
        let is_last = awaited.is_empty() && (log.is_some() || is_begun);
        let done = if is_last {
            done
        } else {
            let queue = Arc::clone(&self.queue);
            Box::new(move |_| queue.push(OutputCommand::Flush { log, since: Some(since), done }))
        };
        let completion = Completion::new(done);
        for log in logs.into_iter().filter(|log| log.take()) {
            log.push(Job::Reach(Arc::clone(&completion)));
            log.release();
        }
    }

    /// Tell who waits for it that all is over.
    pub(super) fn end(self) {
        if let Some(done) = self.ended {
            done(Ok(()));
        }
    }

    /// Close all logs: it is the end.
    fn close_logs(&self) {
        self.logs.all().chain(self.context.activity.all()).chain([&self.context.syslog]).for_each(Log::close);
    }

    /// Read all that processes have written up to now, but for what their logs have no room for.
    fn catch_up(&mut self) {
        self.resume();
        // Each of them is found once before any is found again, so this ends however much they write.
        for _ in 0..=(self.pipes.len() + self.stdins.len()) / EVENTS {
            if !self.poll(Some(Duration::ZERO)) {
                break;
            }
        }
        for token in std::mem::take(&mut self.ready) {
            let Some(pipe) = self.pipes.get_mut(&token) else { continue };
            if pipe.sink.is_full(&self.context) {
                self.pause(token);
                continue;
            }
            match pipe.drain(&mut self.buffer, &mut self.context) {
                Reading::More => self.ready.push_back(token),
                Reading::Empty => pipe.ready = false,
                Reading::End => self.close(token),
            }
        }
    }

    fn add(&mut self, child: ChildOutput) {
        let ChildOutput { run, process, group, pid, stdout, stderr, listener, log_counters } = child;
        let is_listener = listener.is_some();
        if let Some(stdin) = listener {
            self.listener_started(run, &group, &process, stdin);
        }
        let outputs = [(Channel::Stdout, Some(stdout)), (Channel::Stderr, stderr)];
        for (channel, (fd, target)) in outputs.into_iter().filter_map(|(channel, output)| Some((channel, output?))) {
            let source = Source { process: process.clone(), group: group.clone(), pid, channel };
            let is_conversation = is_listener && channel == Channel::Stdout;
            let log_counter = Arc::clone(&log_counters[channel as usize]);
            self.add_pipe(fd, PipeWay { run, source, target, filters: None, is_conversation, log_counter });
        }
    }

    /// Read a pipe from now on. One that the system will not watch stays open, for its program would die without it,
    /// and is tried again.
    pub(super) fn add_pipe(&mut self, fd: OwnedFd, way: PipeWay) {
        let what = format!("the {} of '{}'", way.source.channel.name(), way.source.process);
        if let Err(error) = self.try_add_pipe(fd, way) {
            self.context.activity.log(Level::Critical, format!("could not watch {what}: {error}; it is tried again"));
        }
    }

    fn watch_again(&mut self) {
        let Self { pipes, poll, unwatched, .. } = self;
        unwatched
            .retain(|&token| pipes.get_mut(&token).is_some_and(|pipe| watch(poll, &mut pipe.receiver, token).is_err()));
    }

    fn try_add_pipe(&mut self, fd: OwnedFd, way: PipeWay) -> io::Result<()> {
        let PipeWay { run, source, target, filters, is_conversation, log_counter } = way;
        let pools = is_conversation.then(|| Arc::clone(&self.queue));
        let token = self.token();
        let mut receiver = pipe::Receiver::from(fd);
        receiver.set_nonblocking(true)?;
        let watched = watch(&self.poll, &mut receiver, token);
        if watched.is_err() {
            self.unwatched.push(token);
        }
        let sink = Sink::open(source, target, filters, log_counter, &mut self.logs, &self.context);
        self.pipes.insert(token, Pipe::new(receiver, sink, run, pools));
        watched
    }

    fn exited(&mut self, run: u64) {
        let mut tokens: Vec<_> =
            self.pipes.iter().filter(|(_, pipe)| pipe.run == run).map(|(&token, _)| token).collect();
        tokens.sort_unstable();
        for token in tokens {
            if let Some(pipe) = self.pipes.get_mut(&token) {
                pipe.drain(&mut self.buffer, &mut self.context);
            }
            self.close(token);
        }
        self.listener_ended(run);
        let stdins: Vec<_> = self.stdins.iter().filter(|(_, (of, _))| *of == run).map(|(&token, _)| token).collect();
        for token in stdins {
            self.forget_stdin(token);
        }
    }

    pub(super) fn watch_stdin(&mut self, run: u64, stdin: Arc<Stdin>) {
        // Watched already, or written meanwhile, or nobody is left to read.
        if self.stdins.values().any(|(_, known)| Arc::ptr_eq(known, &stdin)) || stdin.flush() != Ok(true) {
            return;
        }
        let token = self.token();
        let fd = stdin.as_raw_fd();
        match self.poll.registry().register(&mut SourceFd(&fd), Token(token), Interest::WRITABLE) {
            Ok(()) => drop(self.stdins.insert(token, (run, stdin))),
            Err(error) => {
                self.context.activity.log(Level::Error, format!("could not watch a stdin: {error}"));
            }
        }
    }
}

/// Have the system say when there is something to be read from a pipe. One that it will not watch can be tried again.
fn watch(poll: &Poll, receiver: &mut pipe::Receiver, token: usize) -> io::Result<()> {
    let watched = poll.registry().register(receiver, Token(token), Interest::READABLE);
    if watched.is_err() {
        // mio takes it for registered all the same.
        let _ = poll.registry().deregister(receiver);
    }
    watched
}
