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
    judged(&supervisor.readiness(), may_see_names)
}

fn judged(readiness: &Readiness, may_see_names: bool) -> Result<String, String> {
    let Readiness { expected, missing } = readiness;
    if missing.is_empty() {
        return Ok(format!("ready: {expected} of {expected}"));
    }
    let ready = expected - missing.len();
    let names = if may_see_names { format!("; not {}", missing.join(", ")) } else { String::new() };
    Err(format!("not ready: {ready} of {expected}{names}"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{
        process::fixtures,
        supervisor::{
            Births,
            fixtures::{AtWork, block_on},
        },
    };

    #[test]
    fn a_supervisor_thread_that_does_not_go_on_is_not_well() {
        let idle = crate::config::Process { autostart: false, ..fixtures::process("idle") };
        let supervisor = AtWork::with([idle]);
        let check = |timeout, asks_ready| block_on(check(&supervisor, timeout, asks_ready, true));
        let (long, short) = (Duration::from_secs(20), Duration::from_millis(100));
        assert_eq!(check(long, false), Ok("ok".to_owned()));
        assert_eq!(check(long, true), Ok("ready: 0 of 0".to_owned()));

        let ((tell, has_begun), (let_go, may_go)) = (mpsc::channel(), mpsc::channel());
        let other = (*supervisor).clone();
        let hung = std::thread::spawn(move || {
            let work = Box::new(move |_| {
                let _ = tell.send(());
                may_go.recv().map_err(|error| error.to_string())
            });
            other.hand_over(false, &Births::default(), work)
        });
        has_begun.recv().unwrap();
        let why = Err("the supervisor thread does not go on".to_owned());
        assert_eq!((check(short, false), check(short, true)), (why.clone(), why));
        let_go.send(()).unwrap();
        assert_eq!(hung.join().unwrap(), Ok(()));
        assert_eq!(check(long, false), Ok("ok".to_owned()));

        supervisor.shutdown();
        // Unless it has ended already.
        assert!(check(short, true).is_err());
    }

    #[test]
    fn names_are_for_those_who_may_see_them() {
        let some = Readiness { expected: 3, missing: vec!["a".to_owned(), "g:b".to_owned()] };
        assert_eq!(judged(&some, true), Err("not ready: 1 of 3; not a, g:b".to_owned()));
        assert_eq!(judged(&some, false), Err("not ready: 1 of 3".to_owned()));
        let all = Readiness { expected: 2, missing: Vec::new() };
        assert_eq!(judged(&all, false), Ok("ready: 2 of 2".to_owned()));
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
