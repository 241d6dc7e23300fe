//! The loop of the output thread: it reads the pipes, does what is asked, and speaks with event listeners. It writes no
//! logs: the thread that has it does that between two turns.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, ErrorKind, Read as _},
    os::fd::{AsRawFd as _, OwnedFd},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, unix::SourceFd, unix::pipe};
use nix::fcntl::{FcntlArg, fcntl};

use super::{
    ChildOutput, Command, Done, Queue, Shared, Stdin, Target,
    activity::Activity,
    listeners::Stdins,
    log::{Job, Joined, Log, PIECE},
    sink::{Context, Files, Sink, Source},
    threads::Threads,
};
use crate::{
    events::{Bus, Channel},
    logger::Level,
};

pub(super) const WAKER: Token = Token(0);

/// How much is read from the pipes of a process that has exited. More than a pipe holds, so nothing of its own is left
/// behind; and an end, for a grandchild that goes on writing would otherwise be read for ever.
const DRAIN_MOST: usize = 2 * 1024 * 1024;
/// What a pipe holds as the system makes it, and what one gets whose writer all but fills it: then the two threads
/// need not take turns for every little piece.
const PIPE_SIZE: usize = 64 * 1024;
const BUSY_PIPE_SIZE: i32 = 256 * 1024;
/// How many pipes are enlarged at the same time. What a user's pipes may hold together is limited, and whoever is past
/// that gets pipes of one page; so 32 of 64 pages each are little beside the usual 16,384.
pub(super) const MOST_ENLARGED: usize = 32;
/// How many ready pipes one look at them finds.
const EVENTS: usize = 256;
/// How many rounds of reading pass between two looks at the commands.
const ROUNDS: usize = 8;

struct Pipe {
    receiver: pipe::Receiver,
    sink: Sink,
    run: u64,
    /// It may hold more; it stands in the queue of those that are read in turn, or among those that are held.
    ready: bool,
    /// When it was held, by the count of the thread, if it has not been read since. One read takes all that it held.
    held: Option<u64>,
    /// It was enlarged, or would have been, had the system not refused.
    enlarged: Option<Arc<()>>,
    /// It is the stdout of an event listener: who is to hear what it says.
    pools: Option<Arc<Shared>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    More,
    Empty,
    End,
}

impl Pipe {
    fn read(&mut self, buffer: &mut Vec<u8>, context: &mut Context) -> (usize, Reading) {
        self.held = None;
        loop {
            return match self.receiver.read(buffer) {
                Ok(0) => (0, Reading::End),
                Ok(count) => {
                    let is_busy = count > PIPE_SIZE / 2 && self.enlarged.is_none();
                    if is_busy && Arc::strong_count(&context.enlarged) <= MOST_ENLARGED {
                        self.enlarged = Some(Arc::clone(&context.enlarged));
                        // The system may refuse: it is only faster with it.
                        let _ = fcntl(&self.receiver, FcntlArg::F_SETPIPE_SZ(BUSY_PIPE_SIZE));
                    }
                    if let Some(pools) = &self.pools {
                        self.sink.write(&buffer[..count], context);
                        pools.listener_wrote(self.run, &buffer[..count]);
                    } else {
                        self.sink.write_piece(buffer, count, context);
                    }
                    (count, Reading::More)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => (0, Reading::Empty),
                Err(_) => (0, Reading::End),
            };
        }
    }

    /// Reads all that is there, within reason.
    fn drain(&mut self, buffer: &mut Vec<u8>, context: &mut Context) -> Reading {
        let mut total = 0;
        loop {
            let (count, reading) = self.read(buffer, context);
            total += count;
            if reading != Reading::More || total >= DRAIN_MOST {
                return reading;
            }
        }
    }
}

pub(super) struct Output {
    poll: Poll,
    events: Events,
    pub(super) shared: Arc<Shared>,
    context: Context,
    files: Files,
    threads: Arc<Threads>,
    pipes: HashMap<usize, Pipe>,
    stdins: HashMap<usize, (u64, Arc<Stdin>)>,
    pub(super) listeners: Stdins,
    ready: VecDeque<usize>,
    /// Pipes that are not read before their log has room.
    held: Vec<usize>,
    /// How often a pipe was held.
    holds: u64,
    last_token: usize,
    /// How often pipes were read since the last look at the commands.
    rounds: usize,
    ended: Option<Done>,
    buffer: Vec<u8>,
}

impl Output {
    pub(super) fn new(
        poll: Poll,
        shared: Arc<Shared>,
        activity: Activity,
        bus: Bus,
        strip_ansi: bool,
        threads: Arc<Threads>,
    ) -> Self {
        Self {
            poll,
            events: Events::with_capacity(EVENTS),
            shared,
            context: Context::new(activity, bus, strip_ansi, &threads),
            files: Files::new(&threads),
            threads,
            pipes: HashMap::new(),
            stdins: HashMap::new(),
            listeners: Stdins::new(),
            ready: VecDeque::new(),
            held: Vec::new(),
            holds: 0,
            last_token: WAKER.0,
            rounds: 0,
            ended: None,
            buffer: vec![0; PIECE],
        }
    }

    /// Reads once from each pipe that may hold something. Before that, once in so many turns, waits until there is
    /// something to do, and does what is asked. Answers whether to go on.
    pub(super) fn turn(&mut self) -> bool {
        if self.rounds == 0 {
            // Catching up may have taken the wake-up for commands that came since.
            let idle = self.ready.is_empty() && self.shared.queue.lock().commands.is_empty();
            let look_again = self.threads.look_again();
            self.look(if idle { look_again } else { Some(Duration::ZERO) });
            if !self.commands() {
                return false;
            }
            self.take_up();
        }
        self.read_round();
        self.rounds = if self.ready.is_empty() { 0 } else { (self.rounds + 1) % ROUNDS };
        true
    }

    /// Learns which pipes are ready. Answers whether there may be others.
    fn look(&mut self, timeout: Option<Duration>) -> bool {
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

    /// Reads once from each pipe that may hold something.
    fn read_round(&mut self) {
        for _ in 0..self.ready.len() {
            let Some(token) = self.ready.pop_front() else { return };
            let Some(pipe) = self.pipes.get_mut(&token) else { continue };
            if pipe.sink.is_full(&self.context) {
                self.hold(token);
                continue;
            }
            match pipe.read(&mut self.buffer, &mut self.context).1 {
                Reading::More => self.ready.push_back(token),
                Reading::Empty => pipe.ready = false,
                Reading::End => self.close(token),
            }
        }
    }

    /// Reads no more of a pipe until there is room in a log.
    fn hold(&mut self, token: usize) {
        self.holds += 1;
        self.held.push(token);
        if let Some(pipe) = self.pipes.get_mut(&token) {
            pipe.held.get_or_insert(self.holds);
        }
    }

    /// Reads held pipes again, where there is room.
    fn take_up(&mut self) {
        if self.threads.has_room() {
            self.ready.extend(self.held.drain(..));
        }
    }

    fn close(&mut self, token: usize) {
        if let Some(mut pipe) = self.pipes.remove(&token) {
            if pipe.held.is_some() {
                self.held.retain(|held| *held != token);
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

    /// Does what is asked. Answers whether to go on.
    fn commands(&mut self) -> bool {
        let mut queue = self.shared.queue.lock().take();
        for command in std::mem::take(&mut queue.commands) {
            if !matches!(command, Command::Line(_) | Command::Publish(_)) {
                // Who waits for the log to be written finds in it what is missing.
                self.confess(&mut queue);
            }
            match command {
                Command::Line(line) => self.context.activity.write(line),
                Command::Publish(untold) => self.context.bus.publish(Arc::clone(&untold.event)),
                Command::AddPool(pool) => self.add_pool(&pool),
                Command::RemovePool(name) => self.remove_pool(&name),
                Command::RemovePools => self.remove_pools(),
                Command::Add(child) => self.add(*child),
                Command::Exited(run) => self.exited(run),
                Command::Stdin(run, stdin) => self.watch_stdin(run, stdin),
                Command::Listeners => self.serve_listeners(),
                Command::Reopen => {
                    self.context.activity.reopen();
                    self.files.reopen();
                }
                Command::ClearActivity(done) => self.context.activity.clear(&Joined::new(done)),
                Command::Clear(paths, done) => {
                    let joined = Joined::new(done);
                    for path in &paths {
                        self.files.clear(path, &joined);
                    }
                }
                Command::Flush { log, since, done } => self.flush(log, since, done),
                Command::Stop(done) => {
                    let mut queue = self.shared.queue.lock();
                    queue.closed = true;
                    queue.commands.clear();
                    drop(queue);
                    self.close_logs();
                    self.ended = Some(done);
                    return false;
                }
            }
        }
        self.confess(&mut queue);
        true
    }

    /// Says in the log what is missing there and elsewhere.
    fn confess(&mut self, queue: &mut Queue) {
        let why = "because they came too fast";
        let dropped = std::mem::take(&mut queue.dropped);
        if dropped > 0 {
            self.context.activity.log(Level::Error, format!("{dropped} lines of this log were dropped, {why}"));
        }
        let dropped = std::mem::take(&mut queue.dropped_events);
        if dropped > 0 {
            self.context.activity.log(Level::Error, format!("{dropped} events were dropped, {why}"));
        }
    }

    /// Has `done` called once all that was written before is in a log, or in all of them.
    fn flush(&mut self, log: Option<PathBuf>, since: Option<u64>, done: Done) {
        self.catch_up();
        let (is_begun, since) = (since.is_some(), since.unwrap_or(self.holds));
        let is_meant = |it: &&Arc<Log>| log.as_ref().is_none_or(|log| it.name() == log);
        // What could not be read for want of room can be once these logs are written.
        let held = self.held.iter().filter_map(|token| self.pipes.get(token));
        let unread = held.filter(|pipe| pipe.held.is_some_and(|number| number <= since));
        let unread = unread.map(|pipe| &pipe.sink).filter(|sink| sink.logs(&self.context).any(|it| is_meant(&it)));
        let awaited: Vec<_> = unread.flat_map(|sink| sink.logs(&self.context)).cloned().collect();
        let all = self.context.activity.all().chain([&self.context.syslog]).chain(self.files.all());
        let logs: Vec<_> = all.filter(is_meant).chain(&awaited).cloned().collect();
        // What is said about logs while they are written is to stand in the activity log.
        let is_last = awaited.is_empty() && (log.is_some() || is_begun);
        let done = if is_last {
            done
        } else {
            let shared = Arc::clone(&self.shared);
            Box::new(move |_| shared.push(Command::Flush { log, since: Some(since), done }))
        };
        let joined = Joined::new(done);
        for log in logs.into_iter().filter(|log| log.take()) {
            log.push(Job::Reach(Arc::clone(&joined)));
            log.release();
        }
    }

    /// Tells who waits for it that all is over.
    pub(super) fn end(self) {
        if let Some(done) = self.ended {
            done(Ok(()));
        }
    }

    /// It is the end.
    fn close_logs(&self) {
        self.files.all().chain(self.context.activity.all()).chain([&self.context.syslog]).for_each(Log::close);
    }

    /// Reads all that processes have written up to now, but for what their logs have no room for.
    fn catch_up(&mut self) {
        self.take_up();
        // Each of them is found once before any is found again, so this ends however much they write.
        for _ in 0..=(self.pipes.len() + self.stdins.len()) / EVENTS {
            if !self.look(Some(Duration::ZERO)) {
                break;
            }
        }
        for token in std::mem::take(&mut self.ready) {
            let Some(pipe) = self.pipes.get_mut(&token) else { continue };
            if pipe.sink.is_full(&self.context) {
                self.hold(token);
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
        let ChildOutput { run, process, group, pid, stdout, stderr, listener } = child;
        let is_listener = listener.is_some();
        if let Some(stdin) = listener {
            self.listener_started(run, &group, &process, stdin);
        }
        let outputs = [(Channel::Stdout, Some(stdout)), (Channel::Stderr, stderr)];
        for (channel, (fd, target)) in outputs.into_iter().filter_map(|(channel, output)| Some((channel, output?))) {
            let source = Source { process: process.clone(), group: group.clone(), pid, channel };
            let pools = (is_listener && channel == Channel::Stdout).then(|| Arc::clone(&self.shared));
            if let Err(error) = self.add_pipe(run, source, fd, &target, pools) {
                let what = format!("could not watch the {} of '{process}': {error}", channel.name());
                self.context.activity.log(Level::Critical, what);
            }
        }
    }

    fn add_pipe(
        &mut self,
        run: u64,
        source: Source,
        fd: OwnedFd,
        target: &Target,
        pools: Option<Arc<Shared>>,
    ) -> io::Result<()> {
        let token = self.token();
        let mut receiver = pipe::Receiver::from(fd);
        receiver.set_nonblocking(true)?;
        self.poll.registry().register(&mut receiver, Token(token), Interest::READABLE)?;
        let sink = Sink::open(source, target, &mut self.files, &self.context);
        self.pipes.insert(token, Pipe { receiver, sink, run, ready: false, held: None, enlarged: None, pools });
        Ok(())
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
