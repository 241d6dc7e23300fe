//! Result handlers of plugins: they judge what event listeners answer, where a plugin's methods run.

use std::sync::Arc;

use plugin_api::{Value, abi::NamespaceObject};

use super::{
    guest::Guest,
    hooks::event_value,
    load::host_for,
    registry::{Origin, RegistryRef},
    workers::{Caller, Workers},
};
use crate::{
    config::FactorySpec,
    events::Event,
    logger::Logger,
    plugin::{self, SearchPath},
    process::{
        event_listener::Verdict,
        event_pool::{Answer, ResultHandler},
    },
    supervisor::{MakeHandler, Supervisor},
};

/// What is called of a handler.
const METHOD: &str = "handleResult";

/// Makes the handlers that `result_handler=` names. All of them share the places of one namespace.
pub(super) fn maker(
    supervisor: &Supervisor,
    search: SearchPath,
    registry_ref: RegistryRef,
    logger: &Logger,
    workers: Workers,
) -> MakeHandler {
    // The supervisor keeps this, and is kept by it: both are there until the process ends.
    let (supervisor, logger, workers) = (supervisor.clone(), logger.clone(), Arc::new(workers));
    Box::new(move |spec: &FactorySpec| {
        let factory = plugin::load(spec, "result_handler", &search).map_err(|error| error.to_string())?;
        let host = host_for(&spec.factory, Vec::new(), &supervisor, &logger, &registry_ref);
        let object = factory.make(host, Vec::new().into()).map_err(|fault| fault.to_string())?;
        Ok(Arc::new(OfPlugin::new(spec, object, workers.clone(), logger.clone())) as Arc<dyn ResultHandler>)
    })
}

/// One handler.
struct OfPlugin {
    /// As the config names it.
    name: String,
    object: Guest,
    workers: Arc<Workers>,
    logger: Logger,
}

impl OfPlugin {
    fn new(spec: &FactorySpec, object: NamespaceObject, workers: Arc<Workers>, logger: Logger) -> Self {
        // Nobody waits for its end: it has nothing to say then.
        let (object, _) = Guest::new(object, Origin::Plugin);
        Self { name: spec.text.clone(), object, workers, logger }
    }
}

impl ResultHandler for OfPlugin {
    fn judge(&self, event: &Arc<Event>, result: &[u8], answer: Answer) {
        let Some(runtime) = self.workers.runtime() else {
            // The server is about to start; the event comes again.
            return answer(Verdict::Rejected);
        };
        let params = [event_value(event), Value::Base64(result.to_vec().into())];
        let (object, workers, logger) = (self.object.clone(), self.workers.clone(), self.logger.clone());
        let name = self.name.clone();
        runtime.spawn(async move {
            let called = workers.call(Caller::Host, object, METHOD.to_owned(), params.into_iter().collect()).await;
            let judged = match called {
                Ok(reply) => workers.run(reply.answer()).await,
                Err(fault) => Err(fault),
            };
            answer(match judged {
                Ok(Value::Bool(true)) => Verdict::Processed,
                Ok(_) => Verdict::Rejected,
                Err(fault) => {
                    logger.error(format_args!("{name}: {}", fault.detail()));
                    Verdict::Failed
                }
            });
        });
    }
}
