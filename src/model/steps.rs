//! The steps of a resize one by one, for threads that stop between them.

#![forbid(unsafe_code)]

use crate::raw::parts_of_models::{Look, Stride, View};
use crate::raw::{Node, Section};
use crate::reclaim::Reclaimer;

/// A claimed stride, with the view that it was claimed under, as plain numbers.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    view: usize,
    stride: Stride,
}

impl Claim {
    /// The number of the stride.
    pub fn stride(self) -> usize {
        self.stride.number()
    }
}

impl<'g, K, V, M, R> Section<'_, 'g, K, V, M, R>
where
    R: Reclaimer,
{
    /// Claims a stride, as a thread does that stops then.
    pub(crate) fn claim(self) -> Option<Claim> {
        let view = self.state.view();
        if !view.is_busy() {
            return None;
        }
        Some(Claim {
            view: view.word(),
            stride: view.newest().claim()?,
        })
    }

    fn claimed(self, claim: Claim) -> View<'g, Node<K, V, M>> {
        self.state.view_again(claim.view)
    }

    /// Goes on with a claimed stride: makes its heads, and stops again.
    pub(crate) fn make_claimed(self, claim: Claim) {
        self.make(self.claimed(claim).newest(), &claim.stride);
    }

    /// Makes a claimed stride ready.
    pub(crate) fn finish_claimed(self, claim: Claim) {
        self.claimed(claim).newest().finish(claim.stride);
    }

    /// Settles a claimed stride that is ready, by the view that it was claimed under.
    pub(crate) fn settle_claimed(self, claim: Claim) -> bool {
        self.settle(self.claimed(claim), claim.stride())
    }

    /// Settles a stride of the resize that is under way.
    pub(crate) fn settle_stride(self, stride: usize) -> bool {
        let view = self.state.view();
        view.is_busy() && self.settle(view, stride)
    }

    /// Ends the resize that is under way, if all is settled.
    pub(crate) fn end_settled(self) -> bool {
        let view = self.state.view();
        if !view.is_busy() {
            return false;
        }
        loop {
            match view.newest().look() {
                Look::Settled => {
                    self.end(view);
                    return true;
                }
                Look::Further => {}
                Look::Unsettled(_) => return false,
            }
        }
    }
}
