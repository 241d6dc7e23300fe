//! The supervisor thread: signals, requests, deaths, deadlines, and the way down.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mio::{Events, Interest, Poll, Token, net::UnixStream};
use nix::errno::Errno;
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2},
    iterator::{backend::SignalDelivery, exfiltrator::SignalOnly},
};

use super::{Inner, Outcome, listeners::LastWords, ticks::Ticks};
use crate::{
    events::Event,
    process::{
        reap::{adopts_orphans, any_ended, reap, reap_any},
        signals,
        state::{Input, Time},
    },
    states::SupervisorState,
};

pub(super) const WAKER: Token = Token(0);
const SIGNALS: Token = Token(1);

/// Interval of looks for children that have ended where no signal says so: a plugin may have taken it. A look costs the
/// more the more children there are.
const REAP_INTERVAL: Duration = Duration::from_secs(1);
const SHUTDOWN_REPORT_INTERVAL: Duration = Duration::from_secs(3);

/// What the supervisor thread waits on. Signals are caught from the moment this is made.
#[derive(Debug)]
pub(super) struct Reactor {
    poll: Poll,
    signals: SignalDelivery<UnixStream, SignalOnly>,
}

impl Reactor {
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let (reading, writing) = UnixStream::pair()?;
        // signal-hook wants to own the writing end as a plain descriptor.
        let writing = std::os::fd::OwnedFd::from(writing);
        let caught = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD];
        let mut signals = SignalDelivery::with_pipe(reading, writing, SignalOnly, caught)?;
        poll.registry().register(signals.get_read_mut(), SIGNALS, Interest::READABLE)?;
        Ok(Self { poll, signals })
    }

    pub(super) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }
}

/// The time since 1970.
fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Inner {
    /// Runs until the supervisor is told to end and all processes have.
    pub(super) fn run(self: &Arc<Self>, mut reactor: Reactor) -> Outcome {
        let mut events = Events::with_capacity(8);
        let mut next_report = None;
        let adopts = adopts_orphans();
        let mut last_words = LastWords::default();
        let mut next_reap = Time::ZERO;
        let mut ticks = Ticks::new(self.now(), wall());
        self.output.bus().publish(Event::SupervisorRunning);
        loop {
            if next_reap <= self.now() {
                self.reap(adopts);
                next_reap = self.now() + REAP_INTERVAL;
            }
            let busy = self.requests() | self.tick();
            self.spawn_all();
            for tick in ticks.take(self.now(), wall()) {
                self.output.bus().publish(tick);
            }
            let stopping = self.is_stopping();
            if stopping && self.shut_down(&mut next_report, &mut last_words) {
                break;
            }
            let timeout = if busy {
                Some(Duration::ZERO)
            } else {
                let now = self.now();
                self.timeout([
                    next_report,
                    Some(ticks.next_deadline()),
                    last_words.next_look(),
                    self.spawner.lock().next_settle().map(|wait| now + wait),
                    self.to_spawn.lock().next_deadline(),
                    self.lookups.report().map(|wait| now + wait),
                ])
            };
            match reactor.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    self.logger.critical(format_args!("could not wait for events: {error}"));
                }
                _ => {}
            }
            for signal in reactor.signals.pending() {
                self.received(signal);
                if signal == SIGCHLD {
                    next_reap = Time::ZERO;
                }
            }
        }
        // Signals that come from here on are for the one that follows, if there is one. Those that have come are ours:
        // a restart may still become an end.
        signals::hold();
        for signal in reactor.signals.pending() {
            self.received(signal);
        }
        self.requests.close();
        if self.state() == SupervisorState::Restarting { Outcome::Restart } else { Outcome::Exit }
    }

    fn timeout(&self, others: [Option<Time>; 6]) -> Option<Duration> {
        let deadline = self.groups.lock().next_deadline(!self.is_stopping());
        let next = deadline.into_iter().chain(others.into_iter().flatten()).min()?;
        // mio rounds up to the milliseconds of epoll, so this is never too early.
        Some(next.saturating_sub(self.now()))
    }

    fn received(self: &Arc<Self>, signal: i32) {
        let name = signals::name(signal);
        match signal {
            SIGTERM | SIGINT | SIGQUIT => {
                self.logger.warn(format_args!("received {name} indicating exit request"));
                self.set_state(SupervisorState::Shutdown);
            }
            SIGHUP if self.state() == SupervisorState::Shutdown => {
                let what = "indicating restart request (shutdown in progress)";
                self.logger.warn(format_args!("ignored {name} {what}"));
            }
            SIGHUP => {
                self.logger.warn(format_args!("received {name} indicating restart request"));
                self.think_about_restart();
            }
            SIGUSR2 => {
                self.logger.info(format_args!("received {name} indicating log reopen request"));
                self.output.reopen();
            }
            SIGCHLD => self.logger.debug(format_args!("received {name} indicating a child quit")),
            _ => self.logger.blather(format_args!("received {name} indicating nothing")),
        }
    }

    /// Learns of the children that have ended. Those that are none of ours are left to whoever started them, a plugin
    /// perhaps, which waits for them; unless it is for us to reap what nobody waits for.
    fn reap(&self, adopts: bool) {
        let result = if adopts { self.reap_all() } else { self.reap_ours() };
        if let Err(errno) = result {
            let what = "a process may not be cleaned up properly";
            self.logger.critical(format_args!("waitpid error {}; {what}", errno as i32));
        }
    }

    fn reap_all(&self) -> Result<(), Errno> {
        while let Some((pid, exit)) = reap_any()? {
            self.reaped(pid, exit);
        }
        Ok(())
    }

    fn reap_ours(&self) -> Result<(), Errno> {
        let is_ours = |pid| {
            let state = self.groups.lock();
            state.by_pid.contains_key(&pid) || state.strays.contains(&pid)
        };
        while let Some(pid) = any_ended() {
            if !is_ours(pid) {
                // It may hide ours for as long as nobody waits for it.
                return self.reap_each();
            }
            if let Some(exit) = reap(pid)? {
                self.reaped(pid, exit);
            }
        }
        Ok(())
    }

    fn reap_each(&self) -> Result<(), Errno> {
        let pids: Vec<_> = {
            let state = self.groups.lock();
            state.by_pid.keys().chain(&state.strays).copied().collect()
        };
        for pid in pids {
            if let Some(exit) = reap(pid)? {
                self.reaped(pid, exit);
            }
        }
        Ok(())
    }

    /// Does what clients ask for. Answers whether more is waiting.
    fn requests(&self) -> bool {
        while !self.to_spawn.lock().is_full() {
            let Some(request) = self.requests.pop() else { return false };
            self.request(request);
        }
        true
    }

    /// Does what is due, in order of priority. Answers whether more is.
    fn tick(&self) -> bool {
        let may_start = !self.is_stopping();
        let now = self.now();
        let due = self.groups.lock().due(now, may_start);
        for id in due {
            if self.to_spawn.lock().is_full() {
                return true;
            }
            self.step(id, Input::Tick { may_start });
        }
        false
    }

    /// Takes the next step down: stops the groups of the highest priority number that still have something to stop.
    /// Answers whether nothing is left.
    fn shut_down(&self, next_report: &mut Option<Time>, last_words: &mut LastWords) -> bool {
        if next_report.is_none() {
            self.output.bus().publish(Event::SupervisorStopping);
        }
        loop {
            let last = self.groups.lock().last_unstopped();
            let Some(last) = last else { return true };
            for id in self.to_stop_now(last.clone(), last_words) {
                self.step(id, Input::Shutdown);
            }
            // Where nothing ran, as in BACKOFF, the next lower groups follow at once.
            let state = self.groups.lock();
            if last.iter().all(|id| state.is_stopped(*id)) {
                continue;
            }
            let now = self.now();
            if next_report.is_none_or(|due| due <= now) {
                self.report_unstopped(&state);
                *next_report = Some(now + SHUTDOWN_REPORT_INTERVAL);
            }
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    use super::super::fixtures::AtWork;
    use crate::{config, process::fixtures, states::ProcessState};

    #[test]
    fn a_child_that_a_plugin_started_is_left_to_it() {
        let mut stranger = Command::new("/bin/sh").args(["-c", "exit 7"]).spawn().unwrap();
        let pid = nix::unistd::Pid::from_raw(stranger.id().try_into().unwrap());
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();

        let process = config::Process { command: "/bin/true".to_owned(), startsecs: 0, ..fixtures::process("ours") };
        let supervisor = AtWork::with([process]);
        supervisor.wait("ours", |info| info.state == ProcessState::Exited);
        assert_eq!(stranger.wait().unwrap().code(), Some(7));
    }
}
