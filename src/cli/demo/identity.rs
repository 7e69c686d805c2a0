use crate::cli::environment::random;
use carrack::env::Clock;
use carrack::ident::Did;
use carrack::identity::plc::{Operation, PlcLog, PlcState};
use carrack::key::{Curve, SigningKey, VerifyingKey};

/// The demo's did:plc, which no directory has.
pub(in crate::cli) struct Identity {
    rotation: SigningKey,
    log: PlcLog,
}

impl Identity {
    pub(in crate::cli) fn new(signing: &VerifyingKey, clock: &dyn Clock) -> carrack::Result<Self> {
        let rotation = SigningKey::generate(Curve::K256, &*random())?;
        let genesis = Operation::genesis(PlcState::default())
            .rotation_keys(&[rotation.verifying_key()])
            .signing_key(signing)
            .handles(&["mariner.example"])
            .pds("https://old.example")
            .sign(&rotation)?;
        let log = PlcLog::begin(genesis, clock.now_micros())?;
        Ok(Self { rotation, log })
    }

    pub(in crate::cli) fn did(&self) -> &Did {
        self.log.did()
    }

    /// Updates the identity to the account's server and key.
    pub(in crate::cli) fn switch(
        &mut self,
        to: &VerifyingKey,
        clock: &dyn Clock,
    ) -> carrack::Result<()> {
        let moved = Operation::update(&self.log)?
            .signing_key(to)
            .pds("https://new.example")
            .sign(&self.rotation)?;
        Ok(self.log.append(moved, clock.now_micros())?)
    }

    /// The key that a verification of its log gives.
    pub(in crate::cli) fn verified_key(&self) -> carrack::Result<Option<VerifyingKey>> {
        Ok(PlcLog::verify(self.log.to_json().as_bytes())?.signing_key())
    }
}
