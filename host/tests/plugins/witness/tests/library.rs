//! The library of the witness against a fake host.

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

/// A value that a library made is read by another instance, as after an upgrade.
#[test]
fn a_library_goes_through_upgrades() {
    let host = FakeHost::new();
    let library = plugin_loader::built();
    for upgrades in 0..3 {
        let witness = library.rpcinterface("make_witness", &host, []).unwrap();
        assert_eq!(witness.call("upgrades", ()), Ok(upgrades));
        host.set_handed_over(witness.hand_over().wait().unwrap());
    }
    assert_eq!(host.logs(), ["info: witness: it hands over"; 3]);
}
