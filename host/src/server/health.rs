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
    let verdict = check(supervisor, asks_ready, may_see_names).await;
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
async fn check(supervisor: &Supervisor, asks_ready: bool, may_see_names: bool) -> Result<String, String> {
    // Before anything else: whatever it waits for may keep the lock that a look needs.
    if supervisor.turn(TURN_TIMEOUT).await.is_none() {
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
    use super::*;

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
