//! The result of a method that is there at once as a rule, and has to be waited for now and then.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{
    abi::{Fault, Reply, Value},
    block_on::block_on,
    value::{IntoAnswer, IntoValue},
};

/// A result that is there, or a future that it will come from.
///
/// For a `nonblocking` method that can answer at once as a rule: a value from memory is given on the thread that asks,
/// one that a disk or another machine has to confirm comes later, and holds no thread until then.
///
/// ```
/// use plugin_api::{Fault, MaybeReady, rpc_interface};
///
/// struct Board;
///
/// #[rpc_interface]
/// impl Board {
///     /// Read a note.
///     #[rpc(nonblocking)]
///     pub fn read(&self, number: usize) -> MaybeReady<String> {
///         match number {
///             0 => Ok("buy cat food".to_owned()).into(),
///             _ => MaybeReady::later(async move { Err(Fault::bad_name_with(number)) }),
///         }
///     }
/// }
/// # let board = plugin_api::testing::Published::of(Board);
/// # assert_eq!(board.call("read", (0,)), Ok("buy cat food".to_owned()));
/// # assert_eq!(board.call::<String>("read", (7,)), Err(Fault::bad_name_with(7)));
/// # assert_eq!(board.method("read").unwrap().returns, "string");
/// ```
#[must_use = "dropping it cancels what has not been done yet"]
pub enum MaybeReady<T> {
    /// The result.
    Ready(Result<T, Fault>),
    /// The future that it comes from. It is polled on the thread that called the method, so the method's promise holds
    /// for it: no poll waits. It may await what the plugin's own threads do, but not the host.
    Pending(Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>),
}

impl<T> MaybeReady<T> {
    /// A result that this future gives.
    pub fn later(future: impl Future<Output = Result<T, Fault>> + Send + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// The result, now or later.
    pub async fn result(self) -> Result<T, Fault> {
        match self {
            Self::Ready(result) => result,
            Self::Pending(future) => future.await,
        }
    }
}

impl<T: 'static> MaybeReady<T> {
    /// A result made from this one; a fault stays as it is.
    pub fn and_then<U>(self, make: impl FnOnce(T) -> Result<U, Fault> + Send + 'static) -> MaybeReady<U> {
        match self {
            Self::Ready(result) => MaybeReady::Ready(result.and_then(make)),
            Self::Pending(future) => MaybeReady::later(async move { future.await.and_then(make) }),
        }
    }

    /// A value made from that of this one; a fault stays as it is.
    pub fn map<U>(self, make: impl FnOnce(T) -> U + Send + 'static) -> MaybeReady<U> {
        self.and_then(|value| Ok(make(value)))
    }
}

impl<T> From<Result<T, Fault>> for MaybeReady<T> {
    fn from(result: Result<T, Fault>) -> Self {
        Self::Ready(result)
    }
}

impl<T> fmt::Debug for MaybeReady<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Pending(_) => "Pending",
        })
    }
}

impl<T: IntoValue + 'static> IntoAnswer for MaybeReady<T> {
    const KIND: &'static str = T::KIND;

    fn into_answer(self) -> Result<Value, Fault> {
        block_on(self.result()).into_answer()
    }

    fn into_reply(self, method: &str) -> Reply {
        match self {
            Self::Ready(result) => result.into_answer().into(),
            Self::Pending(result) => Reply::later_from(method, AnswerOf(result)),
        }
    }
}

/// The answer that a result becomes.
struct AnswerOf<F>(F);

impl<T: IntoValue, F: Future<Output = Result<T, Fault>> + Unpin> Future for AnswerOf<F> {
    type Output = Result<Value, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(IntoAnswer::into_answer)
    }
}

/// A result that may be refused at once: what `?` gives in a method.
impl<T: IntoValue + 'static> IntoAnswer for Result<MaybeReady<T>, Fault> {
    const KIND: &'static str = T::KIND;

    fn into_answer(self) -> Result<Value, Fault> {
        self.and_then(IntoAnswer::into_answer)
    }

    fn into_reply(self, method: &str) -> Reply {
        self.map_or_else(Reply::Failed, |answer| answer.into_reply(method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_answered_at_once() {
        let reply = MaybeReady::from(Ok(1)).map(|number| number + 1).into_reply("count");
        assert!(matches!(reply, Reply::Done(Value::Int(2))));
        let refused: Result<MaybeReady<i32>, Fault> = Err(Fault::bad_name());
        assert!(matches!(refused.into_reply("count"), Reply::Failed(_)));
    }

    #[test]
    fn what_comes_later_is_waited_for_by_whoever_wants_it() {
        let later = || MaybeReady::later(async { Ok(1) }).map(|number| number + 1);
        let reply = later().into_reply("count");
        assert!(matches!(reply, Reply::Later(_)));
        assert_eq!(reply.wait(), Ok(2.into()));
        assert_eq!(later().into_answer(), Ok(2.into()));
        assert_eq!(block_on(MaybeReady::<i32>::later(async { Err(Fault::failed()) }).result()), Err(Fault::failed()));
    }
}
