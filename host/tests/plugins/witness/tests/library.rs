//! The fake host knows what a library lists with its factories, as the real one does.

use plugin_api::testing::FakeHost;

#[test]
fn events_are_those_that_are_listed_with_the_factory() {
    let host = FakeHost::new();
    let witness = plugin_loader::built().rpcinterface("make_witness", &host, []).unwrap();
    assert_eq!(witness.call("say", ("WITNESS_SAID", "hello")), Ok(()));
    let fault = witness.call::<()>("say", ("WITNESS_SAYS", "hello")).unwrap_err();
    let expected = "BAD_ARGUMENTS: WITNESS_SAYS is not among the events that this plugin lists with its factory: \
                    WITNESS_SAW, WITNESS_SAID";
    assert_eq!(fault.text, expected);
    assert_eq!(host.events(), ["WITNESS_SAID hello"]);
}
