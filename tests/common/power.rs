//! Power fails at every sync in turn, in each of the engines that take part in something.

use super::disk::{Disk, Loss};
use super::open_as;
use carrack::{Engine, Progress};
use std::time::{Duration, Instant};

/// What is done while power fails. A migration takes two engines, most things one.
pub struct Trial<'a, const N: usize> {
    /// Done before, with power.
    pub setup: &'a dyn Fn(&[Engine; N]),
    /// Done while power fails in one of the engines.
    pub act: &'a dyn Fn(&[Engine; N]) -> carrack::Result<()>,
    /// Looks at what is there when power is back. It is told how the act ended, and may act again.
    pub check: &'a dyn Fn(&[Engine; N], &carrack::Result<()>),
}

impl<const N: usize> Trial<'_, N> {
    /// Goes through all of it, and says how many times power failed.
    pub fn run(&self) -> u64 {
        let images = self.images();
        let mut failures = 0;
        for victim in 0..N {
            for sync in 1.. {
                let disks = images.clone().map(Disk::holding);
                disks[victim].fail_at_sync(sync);
                let acted = self.act_on(&disks);
                if !disks[victim].failed() {
                    assert!(acted.is_ok(), "{acted:?} with power");
                    break;
                }
                failures += 1;
                self.return_of_power(&disks, victim, sync, &acted);
            }
        }
        failures
    }

    fn images(&self) -> [Vec<u8>; N] {
        let disks = std::array::from_fn(|_| Disk::new());
        let engines: [Engine; N] =
            std::array::from_fn(|index| open_as(index as u64, &disks[index]).unwrap());
        (self.setup)(&engines);
        drop(engines);
        disks.map(|disk| disk.image())
    }

    /// Opening is a part of what may be interrupted, as is the closing.
    fn act_on(&self, disks: &[Disk; N]) -> carrack::Result<()> {
        let mut engines = Vec::new();
        for (disk, number) in disks.iter().zip(0..) {
            engines.push(open_as(number, disk)?);
        }
        let Ok(engines) = <[Engine; N]>::try_from(engines) else { unreachable!() };
        let acted = (self.act)(&engines);
        if acted.is_ok() {
            engines.iter().for_each(let_removal_run);
        }
        acted
    }

    fn return_of_power(
        &self,
        disks: &[Disk; N],
        victim: usize,
        sync: u64,
        acted: &carrack::Result<()>,
    ) {
        for loss in Loss::all(sync) {
            let engines = std::array::from_fn(|index| {
                // The others went on, and have stopped in good order.
                let disk = &disks[index];
                let disk =
                    if index == victim { disk.after(loss) } else { Disk::holding(disk.image()) };
                open_as(index as u64, &disk).unwrap_or_else(|error| {
                    panic!("engine {index} after sync {sync}, {loss:?}: {error}")
                })
            });
            eprintln!("engine {victim}, sync {sync}, {loss:?}: {acted:?}");
            (self.check)(&engines, acted);
        }
    }
}

/// Gives background removal the time to meet the failure.
fn let_removal_run(engine: &Engine) {
    let start = Instant::now();
    let mut last = u64::MAX;
    while start.elapsed() < Duration::from_secs(5) {
        let Ok(report) = engine.scrub(Progress::none()) else { return };
        if report.rows == last {
            return;
        }
        last = report.rows;
        std::thread::sleep(Duration::from_millis(15));
    }
}
