//! Result handlers, which judge what event listeners answer.

use std::sync::Arc;

use crate::{
    abi::{Fault, NamespaceObject, Value},
    event::Event,
    host::Host,
    interface::namespace,
    rpc_interface,
    value::{FromValue, IntoValue},
};

/// Judgement of a result handler on an event listener's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The event was processed, and is done with.
    Accept,
    /// The event was not processed, and is to be sent again.
    Reject,
}

impl FromValue for Verdict {
    const KIND: &'static str = <bool as FromValue>::KIND;

    fn from_value(value: Value) -> Result<Self, Fault> {
        Ok(if bool::from_value(value)? { Self::Accept } else { Self::Reject })
    }
}

impl IntoValue for Verdict {
    const KIND: &'static str = <bool as IntoValue>::KIND;

    fn into_value(self) -> Value {
        (self == Self::Accept).into()
    }
}

/// A result handler: `result_handler=` of an `[eventlistener:x]` names it, and it is called with each event that a
/// process of this pool has answered, and with the answer: the bytes after `RESULT n`.
///
/// It runs on a thread that may wait; until it returns, the process gets no other event. A fault or a panic means that
/// nobody knows what became of the event: the process goes to `UNKNOWN` and hears nothing any more.
pub type ResultHandler = fn(supervisord: &Host, event: &Event, result: &[u8]) -> Result<Verdict, Fault>;

/// The object for the other side of the boundary.
pub(crate) fn object(handler: ResultHandler, host: Host) -> NamespaceObject {
    namespace(Arc::new(Handling { handler, host }))
}

struct Handling {
    handler: ResultHandler,
    host: Host,
}

#[rpc_interface]
impl Handling {
    pub fn handle_result(&self, event: Event, #[rpc(kind = "base64")] result: Value) -> Result<Verdict, Fault> {
        let result = result.as_bytes().or_else(|| Some(result.as_str()?.as_bytes()));
        (self.handler)(&self.host, &event, result.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntoParams, testing::FakeHost};

    #[allow(clippy::unnecessary_wraps, reason = "the form of a handler is given")]
    fn patient(_: &Host, event: &Event, result: &[u8]) -> Result<Verdict, Fault> {
        match result {
            b"OK" => Ok(Verdict::Accept),
            b"panic" => panic!("at {}", event.name()),
            _ => Ok(Verdict::Reject),
        }
    }

    #[test]
    fn a_function_becomes_a_namespace() {
        let handler = object(patient, FakeHost::new().host());
        let handle = |result: &[u8]| {
            let params = (Event::new("TICK_5", "when:5"), Value::Base64(result.to_vec().into()));
            handler.call("handleResult".into(), params.into_params()).wait()
        };
        assert_eq!(handle(b"OK"), Ok(true.into()));
        assert_eq!(handle(b"FAIL"), Ok(false.into()));
        assert!(handle(b"panic").unwrap_err().text.starts_with("FAILED: handleResult panicked: at TICK_5 ("));
    }
}
