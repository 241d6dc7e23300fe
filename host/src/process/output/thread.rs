//! The loop of the output thread.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, ErrorKind, Read as _},
    os::fd::{AsRawFd as _, OwnedFd},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, unix::SourceFd, unix::pipe};
use nix::fcntl::{FcntlArg, fcntl};

use super::{
    ChildOutput, Command, Queue, Shared, Stdin, Target,
    activity::Activity,
    listeners::Stdins,
    sink::{Context, Files, Sink, Source},
};
use crate::{
    events::{Bus, Channel},
    logger::Level,
};

pub(super) const WAKER: Token = Token(0);

/// One read of one pipe; then it is the next one's turn.
const READ_SIZE: usize = 256 * 1024;
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
    /// It may hold more; it stands in the queue of those that are read in turn.
    ready: bool,
    /// It was enlarged, or would have been, had the system not refused.
    enlarged: Option<Rc<()>>,
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
    fn read(&mut self, buffer: &mut [u8], context: &mut Context) -> (usize, Reading) {
        loop {
            return match self.receiver.read(buffer) {
                Ok(0) => (0, Reading::End),
                Ok(count) => {
                    let is_busy = count > PIPE_SIZE / 2 && self.enlarged.is_none();
                    if is_busy && Rc::strong_count(&context.enlarged) <= MOST_ENLARGED {
                        self.enlarged = Some(Rc::clone(&context.enlarged));
                        // The system may refuse: it is only faster with it.
                        let _ = fcntl(&self.receiver, FcntlArg::F_SETPIPE_SZ(BUSY_PIPE_SIZE));
                    }
                    self.sink.write(&buffer[..count], context);
                    if let Some(pools) = &self.pools {
                        pools.listener_wrote(self.run, &buffer[..count]);
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
    fn drain(&mut self, buffer: &mut [u8], context: &mut Context) -> Reading {
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

pub(super) struct Thread {
    poll: Poll,
    pub(super) shared: Arc<Shared>,
    context: Context,
    files: Files,
    pipes: HashMap<usize, Pipe>,
    stdins: HashMap<usize, (u64, Arc<Stdin>)>,
    pub(super) listeners: Stdins,
    ready: VecDeque<usize>,
    last_token: usize,
    buffer: Box<[u8]>,
}

impl Thread {
    pub(super) fn new(poll: Poll, shared: Arc<Shared>, activity: Activity, bus: Bus, strip_ansi: bool) -> Self {
        Self {
            poll,
            shared,
            context: Context::new(activity, bus, strip_ansi),
            files: Files::default(),
            pipes: HashMap::new(),
            stdins: HashMap::new(),
            listeners: Stdins::new(),
            ready: VecDeque::new(),
            last_token: WAKER.0,
            buffer: vec![0; READ_SIZE].into_boxed_slice(),
        }
    }

    pub(super) fn run(mut self) {
        // Signals are the supervisor thread's business.
        let _ = nix::sys::signal::SigSet::all().thread_block();
        let mut events = Events::with_capacity(EVENTS);
        loop {
            if !self.commands(&mut events) {
                return;
            }
            for _ in 0..ROUNDS {
                self.read_round();
            }
            // Catching up may have taken the wake-up for commands that came since.
            let idle = self.ready.is_empty() && self.shared.queue.lock().commands.is_empty();
            let timeout = (!idle).then_some(Duration::ZERO);
            self.look(&mut events, timeout);
        }
    }

    /// Learns which pipes are ready. Answers whether there may be others.
    fn look(&mut self, events: &mut Events, timeout: Option<Duration>) -> bool {
        if let Err(error) = self.poll.poll(events, timeout) {
            if error.kind() != ErrorKind::Interrupted {
                self.context.activity.log(Level::Critical, format!("could not wait for output: {error}"));
            }
            return false;
        }
        for event in &*events {
            let token = event.token().0;
            if let Some(pipe) = self.pipes.get_mut(&token) {
                if !std::mem::replace(&mut pipe.ready, true) {
                    self.ready.push_back(token);
                }
            } else if let Some((_, stdin)) = self.stdins.get(&token)
                && stdin.flush() != Ok(true)
            {
                self.forget_stdin(token);
            }
        }
        events.iter().count() == EVENTS
    }

    /// Reads once from each pipe that may hold something.
    fn read_round(&mut self) {
        for _ in 0..self.ready.len() {
            let Some(token) = self.ready.pop_front() else { return };
            let Some(pipe) = self.pipes.get_mut(&token) else { continue };
            match pipe.read(&mut self.buffer, &mut self.context).1 {
                Reading::More => self.ready.push_back(token),
                Reading::Empty => pipe.ready = false,
                Reading::End => self.close(token),
            }
        }
    }

    fn close(&mut self, token: usize) {
        if let Some(mut pipe) = self.pipes.remove(&token) {
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
    fn commands(&mut self, events: &mut Events) -> bool {
        let mut queue = self.shared.queue.lock().take();
        for command in std::mem::take(&mut queue.commands) {
            if !matches!(command, Command::Line(_) | Command::Publish(_)) {
                // Who waits for the log to be written finds in it what is missing.
                self.confess(&mut queue);
            }
            match command {
                Command::Line(line) => self.context.activity.write(line),
                Command::Publish(untold) => self.context.tell(Arc::clone(&untold.event), untold.len),
                Command::AddPool(pool) => self.add_pool(&pool),
                Command::RemovePool(name) => self.remove_pool(&name),
                Command::RemovePools => self.remove_pools(),
                Command::Add(child) => self.add(*child),
                Command::Exited(run) => self.exited(run),
                Command::Stdin(run, stdin) => self.watch_stdin(run, stdin),
                Command::Listeners => self.serve_listeners(),
                Command::Reopen => {
                    self.context.activity.reopen();
                    self.files.reopen(&mut self.context.activity);
                }
                Command::ClearActivity(done) => done(self.context.activity.clear()),
                Command::Clear(paths, done) => done(paths.iter().try_for_each(|path| self.files.clear(path))),
                Command::Flush(done) => {
                    self.catch_up(events);
                    done(Ok(()));
                }
                Command::Stop => {
                    let mut queue = self.shared.queue.lock();
                    queue.closed = true;
                    queue.commands.clear();
                    return false;
                }
            }
        }
        self.confess(&mut queue);
        true
    }

    /// Says in the log what is missing there and elsewhere.
    fn confess(&mut self, queue: &mut Queue) {
        let why = "because the logs could not be written fast enough";
        let dropped = std::mem::take(&mut queue.dropped);
        if dropped > 0 {
            self.context.activity.log(Level::Error, format!("{dropped} lines of this log were dropped, {why}"));
        }
        let dropped = std::mem::take(&mut queue.dropped_events);
        if dropped > 0 {
            self.context.activity.log(Level::Error, format!("{dropped} events were dropped, {why}"));
        }
        let unread = std::mem::take(&mut queue.closed_unread);
        if unread > 0 {
            let what = format!("the output of {unread} processes that have ended since was lost, {why}");
            self.context.activity.log(Level::Error, what);
        }
    }

    /// Reads all that processes have written up to now.
    fn catch_up(&mut self, events: &mut Events) {
        // Each of them is found once before any is found again, so this ends however much they write.
        for _ in 0..=(self.pipes.len() + self.stdins.len()) / EVENTS {
            if !self.look(events, Some(Duration::ZERO)) {
                break;
            }
        }
        for token in std::mem::take(&mut self.ready) {
            let Some(pipe) = self.pipes.get_mut(&token) else { continue };
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
        let sink = Sink::open(source, target, &mut self.files, &mut self.context);
        self.pipes.insert(token, Pipe { receiver, sink, run, ready: false, enlarged: None, pools });
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
