//! Start, stop and signal of one process or of many at once.
//!
//! Each has up to three steps: what can be refused at once, the request that the main thread carries out, and the
//! wait for what comes of it. For many processes each step is taken for all before the next, so that starting a
//! hundred takes as long as the slowest of them.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use plugin_api::{Code, Fault, Value};

use super::structs;
use crate::{
    process::command::CommandError,
    states::ProcessState,
    supervisor::{ProcessInfo, Refused, Supervisor, make_namespec},
};

/// Time within which two ends count as one moment.
const MOMENT: Duration = Duration::from_millis(100);

/// An outcome that is still to come.
type Later<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

/// A request on its way, which answers with the outcome that remains to be waited for, if any.
pub(super) type Requested = Later<Option<Later<()>>>;

/// True where the client waits for the outcome; one that does not say so does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) bool);

impl From<Option<bool>> for Wait {
    fn from(wait: Option<bool>) -> Self {
        Self(wait.unwrap_or(true))
    }
}

/// Fault for a request that the supervisor refused.
fn refused(refused: Refused, namespec: &str) -> Fault {
    match refused {
        Refused::Gone => Fault::bad_name_with(namespec),
        Refused::Stopping => Fault::shutdown_state(),
        Refused::NotStartable(state) if state.is_running() => Fault::already_started_with(namespec),
        Refused::NotStartable(ProcessState::Unknown) => {
            Fault::failed_with(format_args!("{namespec} is in an unknown process state"))
        }
        // It is about to stop, and what the client asks for cannot come of it.
        Refused::NotStartable(_) => Fault::abnormal_termination_with(namespec),
        Refused::NotRunning(_) => Fault::not_running_with(namespec),
        Refused::NoCommand(error @ CommandError::NotFound(_)) => Fault::no_file_with(error),
        Refused::NoCommand(error) => Fault::not_executable_with(error),
        Refused::NoAnswer => Fault::failed_with(format_args!(
            "{namespec} is not started: the file system of its command does not answer"
        )),
        Refused::Failed(why) => Fault::failed_with(why),
    }
}

/// Start a process. `namespec` is the client's name for it.
pub(super) fn start(
    supervisor: &Supervisor,
    info: &ProcessInfo,
    namespec: String,
    wait: Wait,
) -> Result<Requested, Fault> {
    let mut watch = supervisor.watch(info.id).ok_or_else(|| Fault::bad_name_with(&namespec))?;
    let request = supervisor.start(info.id);
    Ok(Box::pin(async move {
        let status = request.await.map_err(|why| refused(why, &namespec))?;
        if status.failed {
            return Err(Fault::spawn_error_with(namespec));
        }
        if !wait.0 || status.state == ProcessState::Running {
            return Ok(None);
        }
        let this_start = status.starts;
        let outcome: Later<()> = Box::pin(async move {
            let over = |status: &crate::supervisor::Status| {
                let is_over = status.state != ProcessState::Starting && !status.waits;
                status.failed || status.starts != this_start || is_over
            };
            let status = watch.wait_for(over).await.map_err(|_| Fault::bad_name_with(&namespec))?.clone();
            // A later start means that this one has failed, and the supervisor has tried again meanwhile.
            if status.failed || status.starts != this_start {
                Err(Fault::spawn_error_with(namespec))
            } else if status.state == ProcessState::Running {
                Ok(())
            } else {
                Err(Fault::abnormal_termination_with(namespec))
            }
        });
        Ok(Some(outcome))
    }))
}

/// Stop a process: in the order of several, where `in_order` is set. `namespec` is the client's name for it.
pub(super) fn stop(
    supervisor: &Supervisor,
    info: &ProcessInfo,
    namespec: String,
    wait: Wait,
    in_order: bool,
) -> Result<Requested, Fault> {
    let mut watch = supervisor.watch(info.id).ok_or_else(|| Fault::bad_name_with(&namespec))?;
    let request = supervisor.stop(info.id, wait.0, in_order);
    Ok(Box::pin(async move {
        let status = request.await.map_err(|why| refused(why, &namespec))?;
        if !wait.0 || status.state.is_stopped() {
            return Ok(None);
        }
        let outcome: Later<()> = Box::pin(async move {
            // It has stopped also if it has been started again since, or its group has been removed.
            let _ = watch.wait_for(|now| now.state.is_stopped() || now.starts != status.starts).await;
            Ok(())
        });
        Ok(Some(outcome))
    }))
}

/// Send a signal to a process. `namespec` is the client's name for it.
pub(super) fn signal(supervisor: &Supervisor, info: &ProcessInfo, namespec: String, signal: i32) -> Requested {
    let request = supervisor.signal(info.id, signal);
    Box::pin(async move { request.await.map(|_| None).map_err(|why| refused(why, &namespec)) })
}

/// Carry out a request for one process.
pub(super) async fn one(requested: Result<Requested, Fault>) -> Result<(), Fault> {
    match requested?.await? {
        Some(outcome) => outcome.await,
        None => Ok(()),
    }
}

/// Carry out a request for many processes at once. The answer has first what was over at once, in the given order, then the
/// others as they come to their end; those that do so at the same moment in the given order again, as Supervisor has
/// them, which looks at all of them in rounds.
pub(super) async fn many(
    processes: Vec<ProcessInfo>,
    request: impl Fn(&ProcessInfo, String) -> Result<Requested, Fault>,
) -> Vec<Value> {
    let requested: Vec<_> = processes
        .into_iter()
        .map(|info| {
            let requested = request(&info, make_namespec(&info.group, &info.name));
            (info, requested)
        })
        .collect();
    let (mut results, mut waiting, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (info, requested)) in requested.into_iter().enumerate() {
        let answer = match requested {
            Ok(requested) => requested.await,
            Err(fault) => Err(fault),
        };
        match answer {
            Ok(Some(outcome)) => waiting.push((place, info, outcome)),
            Ok(None) => results.push(structs::result(&info, &Ok(()))),
            Err(fault) => results.push(structs::result(&info, &Err(fault))),
        }
    }
    poll_fn(|context| {
        waiting.retain_mut(|(place, info, outcome)| match outcome.as_mut().poll(context) {
            Poll::Ready(result) => {
                ended.push((Instant::now(), *place, structs::result(info, &result)));
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.extend(in_rounds(ended));
    results
}

/// Order what ended, each with its time and its place in the request, by time; and by place as far as it ended at the
/// same moment. `ended` is in order of time.
fn in_rounds<T>(mut ended: Vec<(Instant, usize, T)>) -> impl Iterator<Item = T> {
    for round in ended.chunk_by_mut(|(one, ..), (next, ..)| next.saturating_duration_since(*one) < MOMENT) {
        round.sort_by_key(|(_, place, _)| *place);
    }
    ended.into_iter().map(|(.., result)| result)
}

/// Number of the signal that a client names by text or by an integer.
pub(super) fn signal_number(signal: &Value) -> Result<i32, Fault> {
    let text = match signal {
        Value::Bool(flag) => i32::from(*flag).to_string(),
        // Python's `int` cuts what follows the point.
        Value::Double(number) => format!("{:.0}", number.trunc()),
        Value::Int(_) | Value::Int64(_) => plugin_api::repr(signal),
        other => match other.as_str() {
            Some(text) => text.to_owned(),
            None => return Err(Fault::incorrect_parameters_with("signal: expected a name or a number")),
        },
    };
    crate::process::signals::number(&text).ok_or_else(|| Fault::of(Code::BadSignal, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_at_the_same_moment_keeps_its_order() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let ended = vec![(at(0), 2, "c"), (at(1), 0, "a"), (at(99), 3, "d"), (at(500), 4, "e"), (at(501), 1, "b")];
        assert_eq!(in_rounds(ended).collect::<Vec<_>>(), ["a", "c", "d", "b", "e"]);
    }
}
