//! `GET /healthz`: whether supervisord goes on, and with `?ready` whether all that it is to run is ready.
//!
//! Who asks that is a load balancer or an orchestrator, which have no password. So it is answered without one, and
//! tells no more than yes or no, and how many; the names of what is not ready are for those who have the password.

use std::time::Duration;

use hyper::{
    Response, StatusCode,
    header::{CACHE_CONTROL, HeaderValue},
};

use super::{
    answer::{ResponseBody, explained, refusal},
    auth::{self, Authentication},
    request::HttpRequest,
};
use crate::supervisor::{Readiness, Supervisor};

/// Time that the supervisor thread has to begin its next turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(2);

/// Answer whether supervisord is well.
pub(super) async fn health(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let server = request.server();
    let credentials = request.connection.socket.credentials.as_ref();
    let may_see_names = auth::check(credentials, &request.head.headers) == Authentication::Granted;
    let asks_ready = asks_ready(request.head.uri.query().unwrap_or_default());
    let Some(supervisor) = &server.supervisor else { return refusal(StatusCode::NOT_FOUND) };
    let verdict = check(supervisor, TURN_TIMEOUT, asks_ready, may_see_names).await;
    let (status, text) = match verdict {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
    };
    let mut response = explained(status, &text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Tell whether a query asks for readiness: `ready`, with a value or without.
fn asks_ready(query: &str) -> bool {
    query.split('&').any(|part| part.split('=').next() == Some("ready"))
}

/// Check whether the supervisor thread goes on, and if that is asked, whether all is ready. Both answers are for a
/// person.
async fn check(
    supervisor: &Supervisor,
    timeout: Duration,
    asks_ready: bool,
    may_see_names: bool,
) -> Result<String, String> {
    // Before anything else: whatever it waits for may keep the lock that a look needs.
    if supervisor.turn(timeout).await.is_none() {
        return Err("the supervisor thread does not go on".to_owned());
    }
    if !asks_ready {
        return Ok("ok".to_owned());
    }
    if supervisor.is_stopping() {
        return Err("not ready: supervisord is stopping".to_owned());
    }
    judged(supervisor.readiness(may_see_names))
}

fn judged(readiness: Readiness) -> Result<String, String> {
    let Readiness { expected, missing, mut names } = readiness;
    if missing == 0 {
        return Ok(format!("ready: {expected} of {expected}"));
    }
    let ready = expected - missing;
    names.sort_unstable();
    let names = if names.is_empty() { String::new() } else { format!("; not {}", names.join(", ")) };
    Err(format!("not ready: {ready} of {expected}{names}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        process::fixtures,
        supervisor::fixtures::{AtWork, block_on},
    };

    #[test]
    fn a_supervisor_thread_that_does_not_go_on_is_not_well() {
        let idle = crate::config::Process { autostart: false, ..fixtures::process("idle") };
        let supervisor = AtWork::with([idle]);
        let check = |timeout, asks_ready| block_on(check(&supervisor, timeout, asks_ready, true));
        let (long, short) = (Duration::from_secs(20), Duration::from_millis(100));
        assert_eq!(check(long, false), Ok("ok".to_owned()));
        assert_eq!(check(long, true), Ok("ready: 0 of 0".to_owned()));

        let go_on = supervisor.hold_up();
        let why = Err("the supervisor thread does not go on".to_owned());
        assert_eq!((check(short, false), check(short, true)), (why.clone(), why));
        go_on();
        assert_eq!(check(long, false), Ok("ok".to_owned()));

        supervisor.shutdown();
        // Unless it has ended already.
        assert!(check(short, true).is_err());
    }

    #[test]
    fn names_are_for_those_who_may_see_them() {
        let absent = crate::config::Process { command: "/does/not/exist".to_owned(), ..fixtures::process("absent") };
        let supervisor = AtWork::with([absent]);
        let one = Readiness { expected: 1, missing: 1, names: vec!["absent".to_owned()] };
        assert_eq!(supervisor.readiness(true), one);
        assert_eq!(supervisor.readiness(false), Readiness { names: Vec::new(), ..one });

        let some = Readiness { expected: 3, missing: 2, names: vec!["g:b".to_owned(), "a".to_owned()] };
        assert_eq!(judged(some.clone()), Err("not ready: 1 of 3; not a, g:b".to_owned()));
        assert_eq!(judged(Readiness { names: Vec::new(), ..some }), Err("not ready: 1 of 3".to_owned()));
        let all = Readiness { expected: 2, ..Readiness::default() };
        assert_eq!(judged(all), Ok("ready: 2 of 2".to_owned()));
    }

    #[test]
    fn readiness_is_asked_for_by_its_word() {
        for (query, asks) in
            [("", false), ("ready", true), ("ready=1", true), ("a&ready", true), ("already", false), ("a=ready", false)]
        {
            assert_eq!(asks_ready(query), asks, "{query}");
        }
    }
}
