//! State machine of one process, as a value and a function.
//!
//! [`Machine::step`] takes an [`Input`] and the time, changes the machine and returns what is to be done. It reads no
//! clock and makes no system call; whoever calls it does what the [`Action`]s say, in their order, and calls again no
//! later than [`Machine::next_deadline`].
//!
//! Supervisor looks at each process once a second and may see a change late or in the wrong order. Here each deadline
//! is exact: a process that dies before `startsecs` is never called RUNNING.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    config::{self, AutoRestart, End, HealthAction, INFINITE, Level},
    events::Change,
    process::{
        exits::{Exit, ExitKind},
        notice::{Notice, Watchdog},
        signals,
    },
    states::ProcessState,
};

/// Point in monotonic time: the time since an origin that its user chose.
pub type Time = Duration;

/// Time between two starts of a process that exits at once and counts as started at once (`startsecs=0`): not a loop
/// that burns a processor.
const LEAST_BETWEEN_RESTARTS: Duration = Duration::from_secs(1);
/// Least time between two starts under a `restart_delay` shorter than that.
const LEAST_BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// Time that doubles up to `restart_delay_max` where there is no `restart_delay`: Supervisor's first.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// Least time between two SIGKILLs to a process that does not end (a mount that hangs, a debugger), also where
/// `stopwaitsecs=0`.
const LEAST_BETWEEN_KILLS: Duration = Duration::from_secs(1);
const STOP_REPORT_INTERVAL: Duration = Duration::from_secs(2);

/// Event that a machine takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Start, as a client asks.
    Start,
    /// Start once what the process depends on is there, as [`Input::DependenciesMet`] says then.
    Await {
        /// Set where a client asks.
        asked: bool,
    },
    /// Presence of all that it depends on. It is due at once, if it waits for that.
    DependenciesMet,
    /// Success of the spawn that was asked for, with the pid.
    Spawned(i32),
    /// Failure of the spawn that was asked for, with its reason.
    SpawnFailed(String),
    /// Failure of the spawn through no fault of the program: it is tried again, and that does not count.
    SpawnHindered(String),
    /// Stop, as a client asks.
    Stop {
        /// Set where the client waits for it, and the log should say every two seconds that it does.
        waited_for: bool,
    },
    /// Stop once those that depend on the process are stopped, when [`Input::Stop`] follows. Until then it runs on, but is
    /// not started again.
    StopLater {
        /// Set where the client waits for it.
        waited_for: bool,
    },
    /// Stop, as the supervisor stops.
    Shutdown,
    /// Failure of the signal that was asked for, with its reason.
    KillFailed(String),
    /// Readiness of the process, as its descriptor or a probe tells it.
    Ready,
    /// Reason why a probe does not find it ready.
    NotReady(String),
    /// Notice of the process itself.
    Notified(Notice),
    /// Result of a probe of its health; the error says why it is not well.
    Probed(Result<(), String>),
    /// End of the process.
    Reaped(Exit),
    /// Lapse of time.
    Tick {
        /// Set where the process may be started now.
        may_start: bool,
    },
}

/// Work that a machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Spawn the process, then say [`Input::Spawned`], [`Input::SpawnFailed`] or [`Input::SpawnHindered`]. That may
    /// take its time; it is to be said, and done, only while the machine [awaits it](Machine::awaits_spawn).
    Spawn,
    /// Send a signal; if that fails for another reason than that the process is gone, say [`Input::KillFailed`].
    Kill {
        /// Process that it is for.
        pid: i32,
        /// Number of the signal.
        signal: i32,
        /// Set where it is for the whole process group.
        as_group: bool,
    },
    /// Write a line to the activity log.
    Log(Level, String),
    /// Publish a change of state.
    Changed(Change),
    /// Publish a change of health.
    HealthChanged {
        /// Set where it is well again.
        is_ok: bool,
    },
}

/// End of a run that the supervisor brings about, and after which the process counts as one that has ended by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ending {
    /// Reason, for `spawnerr`.
    why: String,
    /// Set where it is started again whatever `autorestart` says.
    #[serde(default)]
    is_restart: bool,
}

/// State of a process, with what decides on the next one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    state: ProcessState,
    pid: i32,
    /// Number of starts that were tried.
    starts: u64,
    /// Number of failed starts since the process was last up.
    backoff: u32,
    /// Number of times that the delay under `restart_delay_max` has doubled.
    doublings: u32,
    started: Time,
    /// Time of the next change. STARTING: RUNNING from here on, where it is ready. BACKOFF: the next try. STOPPING, and
    /// where a run is being ended: SIGKILL. EXITED: the next start, if there is one.
    deadline: Option<Time>,
    /// Set once this run is ready, where `ready=` asks for that.
    is_ready: bool,
    /// Time at which a start that is not ready fails.
    ready_deadline: Option<Time>,
    /// Reason why the last probe did not find it ready.
    not_ready: Option<String>,
    /// Time by which it has to say `WATCHDOG=1`.
    watchdog_deadline: Option<Time>,
    /// End of this run that is being brought about.
    ending: Option<Ending>,
    /// Number of probes of its health in a row that have failed in this run.
    health_failures: u32,
    /// Reason why it is not well. It outlives the run, so that the next one is well again.
    unhealthy: Option<String>,
    /// Text of its last `STATUS=` in this run.
    status: Option<String>,
    /// Set once it has said `STOPPING=1` in this run.
    says_stopping: bool,
    next_stop_report: Option<Time>,
    exitstatus: Option<i32>,
    spawnerr: Option<String>,
    /// Exit status of the last run as a shell has it, 128 and the number of the signal for one that was killed; `None`
    /// while it runs, and where it could not be spawned.
    shell_status: Option<i32>,
    /// Time of the last end in EXITED or FATAL.
    ended: Time,
    /// Set while a start waits for what the process depends on. It is STOPPED then.
    waits: bool,
    /// Set while a stop waits for those that depend on the process: as `waited_for` of [`Input::StopLater`].
    stops_later: Option<bool>,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// Make the machine of a process that was never started.
    pub fn new() -> Self {
        Self {
            state: ProcessState::Stopped,
            pid: 0,
            starts: 0,
            backoff: 0,
            doublings: 0,
            started: Time::ZERO,
            deadline: None,
            is_ready: false,
            ready_deadline: None,
            not_ready: None,
            watchdog_deadline: None,
            ending: None,
            health_failures: 0,
            unhealthy: None,
            status: None,
            says_stopping: false,
            next_stop_report: None,
            exitstatus: None,
            spawnerr: None,
            shell_status: None,
            ended: Time::ZERO,
            waits: false,
            stops_later: None,
        }
    }

    /// Return the state of the process.
    pub fn state(&self) -> ProcessState {
        self.state
    }

    /// Return the pid, 0 where there is none.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Return the number of starts that were tried.
    pub fn starts(&self) -> u64 {
        self.starts
    }

    /// Return the exit status of the last run; `None` while it runs, and where it never came as far as RUNNING.
    pub fn exitstatus(&self) -> Option<i32> {
        self.exitstatus
    }

    /// Return whether this run is ready, as `ready=` asks.
    pub fn is_ready(&self) -> bool {
        self.pid != 0 && self.is_ready
    }

    /// Return the reason why it is not well, as `health=` asks, until a probe finds it well again.
    pub fn unhealthy(&self) -> Option<&str> {
        self.unhealthy.as_deref()
    }

    /// Return the text of its last `STATUS=` in this run.
    pub fn status(&self) -> Option<&str> {
        self.status.as_deref().filter(|_| self.pid != 0)
    }

    /// Return the kind of the end that this run comes to with `exit` at that time.
    pub fn exit_kind(&self, rules: &config::Process, now: Time, exit: Exit) -> ExitKind {
        if self.state == ProcessState::Stopping {
            return ExitKind::Stopped;
        }
        let is_up = self.state != ProcessState::Starting
            || !self.awaits_ready(rules) && now >= self.started + seconds(rules.startsecs);
        match exit {
            _ if self.ending.is_some() => ExitKind::Unexpected,
            _ if is_up && rules.exitcodes.contains(&exit.status()) => ExitKind::Expected,
            Exit::Signal { .. } => ExitKind::Signal,
            Exit::Code(_) => ExitKind::Unexpected,
        }
    }

    /// Return the time of the last start.
    pub fn started(&self) -> Time {
        self.started
    }

    /// Return the reason why the last start failed or the last run ended badly.
    pub fn spawnerr(&self) -> Option<&str> {
        self.spawnerr.as_deref()
    }

    /// Return whether it was asked to stop and is still there.
    pub fn is_killed(&self) -> bool {
        self.state == ProcessState::Stopping
    }

    /// Return whether it is to start once what it depends on is there.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Return whether it is to stop once those that depend on it are stopped, and then whether a client waits for that.
    pub fn stops_later(&self) -> Option<bool> {
        self.stops_later
    }

    /// Return the end that it has come to by itself, if it is not to start again.
    pub fn end(&self) -> Option<End> {
        match self.state {
            ProcessState::Exited if self.deadline.is_none() => Some(End::Exited),
            ProcessState::Fatal => Some(End::Fatal),
            _ => None,
        }
    }

    /// Return the time of the last [end](Self::end).
    pub fn ended(&self) -> Time {
        self.ended
    }

    /// Return the status with which supervisord exits after the [end](Self::end) of this process: that of its last run
    /// as a shell has it, and 1 where there is none. FATAL is no success whatever the program says.
    pub fn exit_status_of_end(&self) -> i32 {
        match self.shell_status {
            Some(0) if self.state == ProcessState::Fatal => 1,
            status => status.unwrap_or(1),
        }
    }

    /// Return whether it starts at its next deadline.
    pub fn starts_next(&self, rules: &config::Process) -> bool {
        match self.state {
            ProcessState::Stopped | ProcessState::Exited => true,
            ProcessState::Backoff => !self.is_over(rules),
            _ => false,
        }
    }

    /// Return whether it has ended as expected and is not to start again.
    pub fn has_completed(&self, rules: &config::Process) -> bool {
        let is_expected = self.exitstatus.is_some_and(|status| rules.exitcodes.contains(&status));
        self.state == ProcessState::Exited && self.deadline.is_none() && is_expected
    }

    /// Return whether it is to be spawned and nobody has said yet what came of it.
    pub fn awaits_spawn(&self) -> bool {
        self.state == ProcessState::Starting && self.pid == 0
    }

    /// Return whether it runs and is not ready yet, as `ready=` asks.
    pub fn awaits_ready(&self, rules: &config::Process) -> bool {
        let is_up = self.state == ProcessState::Starting && self.pid != 0;
        is_up && rules.ready.is_some() && !self.is_ready && self.ending.is_none()
    }

    /// Return whether its health is to be looked at.
    pub fn wants_probes(&self, rules: &config::Process) -> bool {
        self.state == ProcessState::Running && rules.health.is_some() && self.ending.is_none()
    }

    /// Return what the description says of this run besides the state, each between semicolons: what it waits for, why
    /// it is being ended, and what it says of itself. Nothing without the options that ask for it.
    pub fn remarks(&self, rules: &config::Process) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.pid == 0 {
            return remarks;
        }
        if self.awaits_ready(rules)
            && let Some(ready) = &rules.ready
        {
            let why = self.not_ready.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
            remarks.push(format!("waits to be ready: {ready}{why}"));
        }
        if self.wants_probes(rules) && self.health_failures > 0 {
            remarks.extend(self.unhealthy.as_ref().map(|why| format!("health failed: {why}")));
        }
        remarks.extend(self.ending.as_ref().map(|ending| format!("is being ended: {}", ending.why)));
        if self.says_stopping {
            remarks.push("says that it is stopping".to_owned());
        }
        remarks.extend(self.status.clone());
        remarks
    }

    /// Return the time of the next start, where the process waits for it as `restart_delay` says.
    pub fn delayed_start(&self, rules: &config::Process) -> Option<Time> {
        let is_delayed = rules.restart_delay.is_some() || rules.restart_delay_max.is_some();
        let waits = match self.state {
            ProcessState::Backoff => !self.is_over(rules),
            state => state == ProcessState::Exited,
        };
        self.deadline.filter(|_| is_delayed && waits)
    }

    /// Return the time at which the next [`Input::Tick`] is due. [`Time::ZERO`] is at once.
    pub fn next_deadline(&self, rules: &config::Process, may_start: bool) -> Option<Time> {
        match self.state {
            ProcessState::Stopped if self.waits => self.deadline.filter(|_| may_start),
            ProcessState::Stopped => (may_start && self.starts == 0 && rules.autostart).then_some(Time::ZERO),
            ProcessState::Starting if self.awaits_ready(rules) => self.ready_deadline,
            ProcessState::Starting => self.deadline,
            ProcessState::Running if self.ending.is_some() => self.deadline,
            ProcessState::Running => self.watchdog_deadline,
            ProcessState::Backoff if self.is_over(rules) => Some(Time::ZERO),
            ProcessState::Backoff | ProcessState::Exited => self.deadline.filter(|_| may_start),
            ProcessState::Stopping => self.deadline.into_iter().chain(self.next_stop_report).min(),
            ProcessState::Fatal | ProcessState::Unknown => None,
        }
    }

    /// Take an input at that time, and return what is to be done.
    pub fn step(&mut self, rules: &config::Process, now: Time, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        let before = self.state;
        match input {
            Input::Start => {
                if self.start(now, &mut out) {
                    self.doublings = 0;
                }
            }
            Input::Await { asked } => self.wait(asked, &mut out),
            Input::DependenciesMet => {
                if self.waits {
                    self.deadline = Some(now);
                }
            }
            Input::Spawned(pid) => self.spawned(rules, now, pid, &mut out),
            Input::SpawnFailed(why) => self.spawn_failed(rules, now, why, true, &mut out),
            Input::SpawnHindered(why) => self.spawn_failed(rules, now, why, false, &mut out),
            Input::Stop { waited_for } => {
                self.next_stop_report = waited_for.then_some(now);
                self.stop(rules, now, &mut out);
            }
            Input::StopLater { waited_for } if self.pid != 0 && self.state != ProcessState::Stopping => {
                self.stops_later = Some(waited_for);
            }
            Input::StopLater { waited_for } => return self.step(rules, now, Input::Stop { waited_for }),
            Input::Shutdown if self.state == ProcessState::Backoff => self.give_up(&mut out),
            Input::Shutdown => self.stop(rules, now, &mut out),
            Input::KillFailed(why) => self.kill_failed(rules, &why, &mut out),
            Input::Ready => self.ready(rules, now, &mut out),
            Input::NotReady(why) => self.not_ready = Some(why).filter(|_| self.awaits_ready(rules)),
            Input::Notified(notice) => self.notified(rules, now, notice, &mut out),
            Input::Probed(result) if self.wants_probes(rules) => self.probed(rules, now, result, &mut out),
            Input::Probed(_) => {}
            Input::Reaped(exit) => self.reaped(rules, now, exit, &mut out),
            Input::Tick { may_start } => self.tick(rules, now, may_start, &mut out),
        }
        if self.state != before && matches!(self.state, ProcessState::Exited | ProcessState::Fatal) {
            self.ended = now;
        }
        out
    }

    fn change(&mut self, to: ProcessState, expected: bool, out: &mut Vec<Action>) {
        let from = std::mem::replace(&mut self.state, to);
        if from != to {
            out.push(Action::Changed(Change { from, to, tries: self.backoff, pid: self.pid, expected }));
        }
    }

    /// Return whether there is no process and none is to be spawned.
    fn is_startable(&self) -> bool {
        self.pid == 0 && (self.state.is_stopped() || self.state == ProcessState::Backoff)
    }

    /// Wait for what the process depends on, unless there is a process. The start counts from here on.
    fn wait(&mut self, asked: bool, out: &mut Vec<Action>) {
        if !self.is_startable() {
            return;
        }
        if asked {
            self.doublings = 0;
        }
        if !std::mem::replace(&mut self.waits, true) {
            self.starts += 1;
            self.spawnerr = None;
            self.exitstatus = None;
        }
        self.next_stop_report = None;
        self.deadline = None;
        self.change(ProcessState::Stopped, true, out);
    }

    /// Start, unless there is a process. Return whether it does.
    fn start(&mut self, now: Time, out: &mut Vec<Action>) -> bool {
        if !self.is_startable() {
            return false;
        }
        self.spawnerr = None;
        self.exitstatus = None;
        self.next_stop_report = None;
        // Until it is spawned, and who knows when that is.
        self.deadline = None;
        self.started = now;
        self.shell_status = None;
        if !std::mem::take(&mut self.waits) {
            self.starts += 1;
        }
        self.change(ProcessState::Starting, true, out);
        out.push(Action::Spawn);
        true
    }

    fn spawned(&mut self, rules: &config::Process, now: Time, pid: i32, out: &mut Vec<Action>) {
        self.pid = pid;
        self.started = now;
        self.deadline = Some(self.started + seconds(rules.startsecs));
        self.is_ready = false;
        let has_end = rules.ready.is_some() && !rules.ready_timeout.is_zero();
        self.ready_deadline = has_end.then(|| now + rules.ready_timeout);
        (self.not_ready, self.watchdog_deadline, self.ending) = (None, None, None);
        (self.status, self.says_stopping, self.health_failures) = (None, false, 0);
        out.push(Action::Log(Level::Info, format!("spawned: '{}' with pid {pid}", rules.name)));
    }

    fn ready(&mut self, rules: &config::Process, now: Time, out: &mut Vec<Action>) {
        if !self.awaits_ready(rules) {
            return;
        }
        self.is_ready = true;
        (self.ready_deadline, self.not_ready) = (None, None);
        self.restart_watchdog(rules, now);
        out.push(Action::Log(Level::Debug, format!("{} is ready", rules.name)));
        // It may have been up for long enough already.
        self.tick(rules, now, false, out);
    }

    fn restart_watchdog(&mut self, rules: &config::Process, now: Time) {
        let is_watched = self.is_ready && !rules.watchdog_secs.is_zero();
        self.watchdog_deadline = is_watched.then(|| now + rules.watchdog_secs);
    }

    fn notified(&mut self, rules: &config::Process, now: Time, notice: Notice, out: &mut Vec<Action>) {
        if self.pid == 0 || !self.state.is_running() && self.state != ProcessState::Stopping {
            return;
        }
        if let Some(status) = notice.status {
            self.status = Some(status).filter(|text| !text.is_empty());
        }
        if notice.is_stopping && !self.says_stopping {
            self.says_stopping = true;
            out.push(Action::Log(Level::Info, format!("{} says that it is stopping", rules.name)));
        }
        if notice.is_ready {
            self.ready(rules, now, out);
        }
        // It is watched from the moment on at which it was ready.
        match notice.watchdog.filter(|_| self.watchdog_deadline.is_some()) {
            Some(Watchdog::Alive) => self.restart_watchdog(rules, now),
            Some(Watchdog::Trigger) => {
                self.end_run(rules, now, libc::SIGKILL, "it has said WATCHDOG=trigger".to_owned(), out);
            }
            None => {}
        }
    }

    fn probed(&mut self, rules: &config::Process, now: Time, result: Result<(), String>, out: &mut Vec<Action>) {
        let Err(why) = result else {
            self.health_failures = 0;
            if self.unhealthy.take().is_some() {
                out.push(Action::HealthChanged { is_ok: true });
                out.push(Action::Log(Level::Info, format!("health of {} is OK again", rules.name)));
            }
            return;
        };
        self.health_failures = self.health_failures.saturating_add(1);
        if self.health_failures < rules.health_retries {
            return;
        }
        if self.unhealthy.replace(why.clone()).is_none() {
            out.push(Action::HealthChanged { is_ok: false });
            let (name, count) = (&rules.name, self.health_failures);
            out.push(Action::Log(Level::Warn, format!("health of {name} has FAILED ({count} in a row): {why}")));
        }
        if rules.health_action == HealthAction::Restart {
            self.end_run(rules, now, rules.stopsignal, format!("health failed: {why}"), out);
            self.ending.iter_mut().for_each(|ending| ending.is_restart = true);
        }
    }

    /// End this run, so that it counts as one that has ended by itself.
    fn end_run(&mut self, rules: &config::Process, now: Time, signal: i32, why: String, out: &mut Vec<Action>) {
        out.push(Action::Log(Level::Warn, format!("ending '{}' ({}): {why}", rules.name, self.pid)));
        (self.ready_deadline, self.watchdog_deadline) = (None, None);
        self.ending = Some(Ending { why, is_restart: false });
        if signal == libc::SIGKILL {
            self.send_sigkill(rules, now, out);
        } else {
            self.kill(rules, now, signal, rules.stopasgroup, out);
        }
    }

    fn spawn_failed(&mut self, rules: &config::Process, now: Time, why: String, counts: bool, out: &mut Vec<Action>) {
        out.push(Action::Log(Level::Info, format!("spawnerr: {why}")));
        self.spawnerr = Some(why);
        self.back_off(rules, now, counts, out);
    }

    fn back_off(&mut self, rules: &config::Process, now: Time, counts: bool, out: &mut Vec<Action>) {
        self.backoff = self.backoff.saturating_add(counts.into());
        let delayed = self.delay(rules, now, counts);
        self.deadline = Some(delayed.unwrap_or_else(|| now + seconds(self.backoff.max(1).into())));
        self.change(ProcessState::Backoff, true, out);
    }

    /// Return the time of the next start as `restart_delay` and `restart_delay_max` have it, if the config has either.
    /// `counts` is set where the delay after that is to be longer.
    fn delay(&mut self, rules: &config::Process, now: Time, counts: bool) -> Option<Time> {
        let delay = match (rules.restart_delay, rules.restart_delay_max) {
            (None, None) => return None,
            (Some(delay), None) => delay,
            (first, Some(max)) => {
                let first = first.unwrap_or(FIRST_DELAY).max(LEAST_BETWEEN_TRIES).min(max);
                let doubled = first.saturating_mul(1_u32.checked_shl(self.doublings).unwrap_or(u32::MAX)).min(max);
                // Once at the end there is nothing to count.
                self.doublings = self.doublings.saturating_add(u32::from(counts && doubled < max));
                // What has crashed together is not to come back together, again and again.
                let less = doubled / 4 / 256 * u32::from(jitter(&rules.name, self.starts, now));
                doubled.saturating_sub(less).max(first)
            }
        };
        Some((now + delay).max(self.started + LEAST_BETWEEN_TRIES))
    }

    /// Begin again with the first delay where it has been up for as long as the longest.
    fn note_uptime(&mut self, rules: &config::Process, now: Time) {
        if rules.restart_delay_max.is_some_and(|max| now >= self.started + max) {
            self.doublings = 0;
        }
    }

    /// Return whether it has failed to start more often than it may.
    fn is_over(&self, rules: &config::Process) -> bool {
        rules.startretries != INFINITE && i64::from(self.backoff) > rules.startretries
    }

    fn give_up(&mut self, out: &mut Vec<Action>) {
        self.backoff = 0;
        self.deadline = None;
        self.change(ProcessState::Fatal, true, out);
    }

    fn stop(&mut self, rules: &config::Process, now: Time, out: &mut Vec<Action>) {
        self.stops_later = None;
        match self.state {
            ProcessState::Stopped if self.waits => {
                out.push(Action::Log(Level::Info, format!("stopped: {} (it was not started yet)", rules.name)));
                self.waits = false;
                self.deadline = None;
            }
            // There is no process: one has failed, or is not spawned yet.
            ProcessState::Backoff | ProcessState::Starting if self.pid == 0 => {
                let state = self.state.name();
                out.push(Action::Log(
                    Level::Debug,
                    format!("Attempted to kill {}, which is in {state} state.", rules.name),
                ));
                self.deadline = None;
                self.change(ProcessState::Stopped, true, out);
            }
            // Nothing is left of it, and nothing is to come.
            ProcessState::Exited if self.delayed_start(rules).is_some() => {
                self.deadline = None;
                self.change(ProcessState::Stopped, true, out);
            }
            ProcessState::Running | ProcessState::Starting => {
                self.ending = None;
                self.kill(rules, now, rules.stopsignal, rules.stopasgroup, out);
                self.report_stop(rules, now, out);
            }
            _ => {}
        }
    }

    fn kill(&mut self, rules: &config::Process, now: Time, signal: i32, as_group: bool, out: &mut Vec<Action>) {
        let pid = self.pid;
        let whom = if as_group { "process group " } else { "" };
        let how = signals::name(signal);
        out.push(Action::Log(Level::Debug, format!("killing {} (pid {pid}) {whom}with signal {how}", rules.name)));
        self.deadline = Some(now + seconds(rules.stopwaitsecs));
        if self.ending.is_none() {
            self.change(ProcessState::Stopping, true, out);
        }
        out.push(Action::Kill { pid, signal, as_group });
    }

    fn send_sigkill(&mut self, rules: &config::Process, now: Time, out: &mut Vec<Action>) {
        out.push(Action::Log(Level::Warn, format!("killing '{}' ({}) with SIGKILL", rules.name, self.pid)));
        self.kill(rules, now, libc::SIGKILL, rules.killasgroup, out);
        self.deadline = Some(now + seconds(rules.stopwaitsecs).max(LEAST_BETWEEN_KILLS));
    }

    fn report_stop(&mut self, rules: &config::Process, now: Time, out: &mut Vec<Action>) {
        if self.next_stop_report.is_some_and(|due| due <= now) {
            out.push(Action::Log(Level::Info, format!("waiting for {} to stop", rules.name)));
            self.next_stop_report = Some(now + STOP_REPORT_INTERVAL);
        }
    }

    fn kill_failed(&mut self, rules: &config::Process, why: &str, out: &mut Vec<Action>) {
        out.push(Action::Log(Level::Critical, format!("unknown problem killing {} ({}):{why}", rules.name, self.pid)));
        (self.deadline, self.ending) = (None, None);
        self.change(ProcessState::Unknown, true, out);
    }

    fn reaped(&mut self, rules: &config::Process, now: Time, exit: Exit, out: &mut Vec<Action>) {
        let name = &rules.name;
        let is_stopped = self.stops_later.take().is_some();
        self.shell_status = Some(match exit {
            Exit::Code(code) => code & 0xff,
            Exit::Signal { signal, .. } => 128 + signal,
        });
        let awaited_ready = self.awaits_ready(rules);
        let ending = self.ending.take();
        let expected = rules.exitcodes.contains(&exit.status()) && ending.is_none();
        let level = if expected { Level::Info } else { Level::Warn };
        match self.state {
            ProcessState::Stopping => {
                self.deadline = None;
                self.exitstatus = Some(exit.status());
                self.change(ProcessState::Stopped, true, out);
                out.push(Action::Log(level, format!("stopped: {name} ({exit})")));
            }
            ProcessState::Starting
                if awaited_ready || ending.is_some() || now < self.started + seconds(rules.startsecs) =>
            {
                self.exitstatus = None;
                let is_late = awaited_ready && now >= self.started + seconds(rules.startsecs);
                let how = if is_late { "before it was ready" } else { "too quickly" };
                let too_early = || format!("Exited {how} (process log may have details)");
                self.spawnerr = Some(ending.map_or_else(too_early, |ending| ending.why));
                self.note_uptime(rules, now);
                self.back_off(rules, now, true, out);
                out.push(Action::Log(Level::Warn, format!("exited: {name} ({exit}; not expected)")));
            }
            _ => {
                // It was up for long enough, only nobody had looked.
                if self.state == ProcessState::Starting {
                    self.change(ProcessState::Running, true, out);
                }
                self.backoff = 0;
                self.exitstatus = Some(exit.status());
                let is_restart = ending.as_ref().is_some_and(|ending| ending.is_restart);
                let again = match rules.autorestart {
                    AutoRestart::Never => is_restart,
                    AutoRestart::Unexpected => !expected,
                    AutoRestart::Always => true,
                };
                self.note_uptime(rules, now);
                self.deadline = again.then(|| {
                    let delayed = self.delay(rules, now, true);
                    delayed.unwrap_or_else(|| now.max(self.started + LEAST_BETWEEN_RESTARTS))
                });
                if !expected {
                    let bad_exit = || format!("Bad exit code {}", exit.status());
                    self.spawnerr = Some(ending.map_or_else(bad_exit, |ending| ending.why));
                }
                self.change(ProcessState::Exited, expected, out);
                let judgement = if expected { "expected" } else { "not expected" };
                out.push(Action::Log(level, format!("exited: {name} ({exit}; {judgement})")));
            }
        }
        if is_stopped {
            self.deadline = None;
            self.change(ProcessState::Stopped, true, out);
        }
        self.next_stop_report = None;
        (self.ready_deadline, self.watchdog_deadline) = (None, None);
        self.pid = 0;
    }

    fn tick(&mut self, rules: &config::Process, now: Time, may_start: bool, out: &mut Vec<Action>) {
        if self.next_deadline(rules, may_start).is_none_or(|due| now < due) {
            return;
        }
        match self.state {
            ProcessState::Starting | ProcessState::Running if self.ending.is_some() => {
                self.send_sigkill(rules, now, out);
            }
            ProcessState::Starting if self.awaits_ready(rules) => {
                let time = rules.ready_timeout.as_secs_f64();
                let found = self.not_ready.take().map_or_else(String::new, |why| format!(": {why}"));
                let why = format!("not ready within {time} seconds (ready_timeout){found}");
                self.end_run(rules, now, rules.stopsignal, why, out);
            }
            ProcessState::Starting => {
                self.deadline = None;
                self.backoff = 0;
                self.change(ProcessState::Running, true, out);
                let is_ready = if rules.ready.is_some() { " and is ready" } else { "" };
                out.push(Action::Log(
                    Level::Info,
                    format!(
                        "success: {} entered RUNNING state, process has stayed up for > than {} seconds (startsecs)\
                         {is_ready}",
                        rules.name, rules.startsecs
                    ),
                ));
            }
            ProcessState::Running => {
                let time = rules.watchdog_secs.as_secs_f64();
                let why = format!("no WATCHDOG=1 within {time} seconds (watchdog_secs)");
                self.end_run(rules, now, libc::SIGKILL, why, out);
            }
            ProcessState::Backoff if self.is_over(rules) => {
                self.give_up(out);
                out.push(Action::Log(
                    Level::Info,
                    format!("gave up: {} entered FATAL state, too many start retries too quickly", rules.name),
                ));
            }
            ProcessState::Stopped | ProcessState::Exited | ProcessState::Backoff => drop(self.start(now, out)),
            ProcessState::Stopping => {
                if self.deadline.is_some_and(|due| due <= now) {
                    self.send_sigkill(rules, now, out);
                }
                self.report_stop(rules, now, out);
            }
            _ => {}
        }
    }
}

/// Return so many seconds: none where that is negative, and no more than a monotonic clock will ever count.
fn seconds(count: i64) -> Duration {
    Duration::from_secs(count.clamp(0, u32::MAX.into()).unsigned_abs())
}

/// Return a number that differs from process to process and from time to time: the hash of what it is given (FNV-1a).
/// It is the same for the same, so that the machine stays a function.
fn jitter(name: &str, starts: u64, now: Time) -> u8 {
    let bytes = name.bytes().chain(starts.to_le_bytes()).chain(now.as_nanos().to_le_bytes());
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // The upper bits are mixed best.
    hash.to_be_bytes()[0]
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
