//! Run of the main loop: signals, requests, deaths, deadlines.

use std::{
    io::ErrorKind,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mio::Events;
use nix::errno::Errno;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2};

use super::{main_loop::MainLoop, shutdown::Shutdown, ticks::Ticks};
use crate::{
    events::Event,
    process::{
        reap::{adopts_orphans, any_ended, reap, reap_any},
        signals,
        state::Time,
    },
    states::SupervisorState,
};

/// Interval of looks for children that have ended where no signal says so: a plugin may have taken it. A look costs the
/// more the more children there are.
const REAP_INTERVAL: Duration = Duration::from_secs(1);

/// End of a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The process is to end, with this status.
    Exit(i32),
    /// The process is to be started anew.
    Restart,
}

/// Return the time since 1970.
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl MainLoop {
    /// Supervise, on the calling thread, until all processes have ended after
    /// [`shutdown`](super::Supervisor::shutdown), [`restart`](super::Supervisor::restart) or a signal that asks for
    /// either.
    pub fn run(mut self) -> Outcome {
        self.has_run = true;
        // Clients are served meanwhile: that takes a moment for each.
        self.prove_adopted();
        let mut events = Events::with_capacity(8);
        let mut shutdown = Shutdown::default();
        let mut next_reap = Time::ZERO;
        // For the listeners of one that has taken over it has been running all the time.
        if !self.has_taken_over {
            self.shared.output.bus().publish(Event::SupervisorRunning);
        }
        if self.ticks.is_none() {
            self.ticks = Some(Ticks::new(self.now(), wall_clock()));
        }
        loop {
            let begun = self.now();
            self.shared.turns.begin();
            if std::mem::take(&mut self.reaps_at_once) || next_reap <= self.now() {
                // It may have become a subreaper meanwhile.
                self.reap(adopts_orphans());
                next_reap = self.now() + REAP_INTERVAL;
            }
            // One of the requests may be to hand all over.
            self.settle();
            let mut busy = self.requests();
            // What has died must not start again before those that wait for it, or for its stop, are looked at.
            self.settle();
            busy |= self.tick();
            self.spawn_all();
            self.settle();
            busy |= self.spawn_probes();
            let now = self.now();
            for tick in self.ticks.iter_mut().flat_map(|ticks| ticks.take(now, wall_clock())) {
                self.shared.output.bus().publish(tick);
            }
            if self.shared.is_stopping() && self.shut_down(&mut shutdown) {
                break;
            }
            let timeout = if busy || self.reaps_at_once { Some(Duration::ZERO) } else { self.timeout(&shutdown) };
            self.shared.turns.end(self.now().saturating_sub(begun));
            match self.reactor.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    self.shared.logger.critical(format_args!("could not wait for events: {error}"));
                }
                _ => {}
            }
            if self.signals() {
                next_reap = Time::ZERO;
            }
        }
        // Signals that come from here on are for the one that follows, if there is one. Those that have come are ours:
        // a restart may still become an end.
        signals::hold();
        self.signals();
        self.shared.requests.close();
        if self.shared.state() == SupervisorState::Restarting {
            Outcome::Restart
        } else {
            Outcome::Exit(self.exit_status)
        }
    }

    /// Return the time until something is due.
    fn timeout(&self, shutdown: &Shutdown) -> Option<Duration> {
        let now = self.now();
        // On a line of its own, so that the lock is given back before others are taken.
        let next_of_groups = self.shared.groups.lock().next_deadline(self.shared.is_stopping());
        let due = [
            next_of_groups,
            self.ticks.as_ref().map(Ticks::next_deadline),
            shutdown.next_report,
            shutdown.next_look,
            self.spawner.next_settle().map(|wait| now + wait),
            self.spawn_queue.next_deadline(),
            self.lookups.report().map(|wait| now + wait),
        ];
        let next = due.into_iter().flatten().min()?;
        // mio rounds up to the milliseconds of epoll, so this is never too early.
        Some(next.saturating_sub(self.now()))
    }

    /// Do what signals ask for that have come. Return whether a child has ended.
    pub(super) fn signals(&mut self) -> bool {
        let received: Vec<_> = self.reactor.signals.pending().collect();
        for signal in &received {
            self.received(*signal);
        }
        received.contains(&SIGCHLD)
    }

    fn received(&self, signal: i32) {
        let (shared, logger, name) = (&self.shared, &self.shared.logger, signals::name(signal));
        match signal {
            SIGTERM | SIGINT | SIGQUIT => {
                logger.warn(format_args!("received {name} indicating exit request"));
                shared.set_state(SupervisorState::Shutdown);
            }
            SIGHUP if shared.state() == SupervisorState::Shutdown => {
                logger.warn(format_args!("ignored {name} indicating restart request (shutdown in progress)"));
            }
            SIGHUP => {
                logger.warn(format_args!("received {name} indicating restart request"));
                shared.restart_on_thread();
            }
            SIGUSR2 => {
                logger.info(format_args!("received {name} indicating log reopen request"));
                shared.output.reopen();
            }
            SIGCHLD => logger.debug(format_args!("received {name} indicating a child quit")),
            _ => logger.blather(format_args!("received {name} indicating nothing")),
        }
    }

    /// Reap the children that have ended. Those that are none of ours are left to whoever started them, a plugin
    /// perhaps, which waits for them; unless it is for us to reap what nobody waits for.
    fn reap(&mut self, adopts: bool) {
        let result = if adopts { self.reap_all() } else { self.reap_ours() };
        if let Err(errno) = result {
            let problem = "a process may not be cleaned up properly";
            self.shared.logger.critical(format_args!("waitpid error {}; {problem}", errno as i32));
        }
    }

    fn reap_all(&mut self) -> Result<(), Errno> {
        while let Some((pid, exit)) = reap_any()? {
            self.reaped(pid, exit);
        }
        Ok(())
    }

    fn reap_ours(&mut self) -> Result<(), Errno> {
        while let Some(pid) = any_ended() {
            let is_ours = {
                let groups = self.shared.groups.lock();
                groups.by_pid.contains_key(&pid)
                    || groups.strays.contains(&pid)
                    || groups.probe_children.contains_key(&pid)
            };
            if !is_ours {
                // It may hide ours for as long as nobody waits for it.
                return self.reap_each();
            }
            if let Some(exit) = reap(pid)? {
                self.reaped(pid, exit);
            }
        }
        Ok(())
    }

    fn reap_each(&mut self) -> Result<(), Errno> {
        let pids: Vec<_> = {
            let groups = self.shared.groups.lock();
            groups.by_pid.keys().chain(&groups.strays).chain(groups.probe_children.keys()).copied().collect()
        };
        for pid in pids {
            if let Some(exit) = reap(pid)? {
                self.reaped(pid, exit);
            }
        }
        Ok(())
    }

    /// Carry out requests. Return whether more are waiting.
    fn requests(&mut self) -> bool {
        while !self.spawn_queue.is_full() {
            let Some(request) = self.shared.requests.pop() else { return false };
            self.request(request);
        }
        true
    }

    /// Do what follows from changes of state for other processes, and for the supervisor.
    fn settle(&mut self) {
        self.settle_dependencies();
        self.note_end_of_all();
    }

    /// Do what is due, in order of priority. Return whether more is.
    fn tick(&mut self) -> bool {
        let is_stopping = self.shared.is_stopping();
        let due = self.shared.groups.lock().due(self.now(), is_stopping);
        for id in due {
            if self.spawn_queue.is_full() {
                return true;
            }
            self.do_due(id);
        }
        false
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
