"""A MACE model of scalar features, with the weights of a plain ``ScaleShiftMACE`` and in far fewer operations."""

import torch

from mftl.graphs import complete
from mftl.lean.contraction import Contraction
from mftl.lean.convolution import Convolution, Edges, take
from mftl.lean.harmonics import Harmonics
from mftl.lean.radial import RadialNetwork, bessel


class LeanModel:
    """Energies, forces and stresses of a plain model, whose weights it reads in every call.

    Only for models that ``mftl.lean.find_forward`` lets pass. Make it when the model is on its device.
    """

    def __init__(self, model: torch.nn.Module):
        self.model, first = model, model.interactions[0]
        like = next(model.parameters()).detach()
        self.max_ell, self.channels = first.edge_attrs_irreps.lmax, first.node_feats_irreps.dim
        self.elements = len(model.atomic_numbers)
        self.cutoff, self.p = float(model.r_max), int(model.radial_embedding.cutoff_fn.p)
        self.harmonics = Harmonics(self.max_ell, like)
        to_scalars = [product.symmetric_contractions.contractions[0] for product in model.products]
        self.contractions = [Contraction(own, self.max_ell) for own in to_scalars]
        self.factors = [self._normalisations(block) for block in model.interactions]
        self._prepare(like)

    def _prepare(self, like: torch.Tensor) -> None:
        """Make what ``_atoms`` needs, as ``like``."""
        orders = torch.arange(self.max_ell + 1, device=like.device)
        self.orders = orders.repeat_interleave(2 * orders + 1)  # (L,): the order of each harmonic
        self.own = (self.orders[:, None] == orders).to(like).unsqueeze(2)  # (L, K, 1)

    def _normalisations(self, block: torch.nn.Module) -> list[float]:
        """e3nn's factors of the matrices of a radial network; the last has all others on a message's way as well."""
        layers = list(block.conv_tp_weights)
        gains = [float(self.model.radial_embedding.bessel_fn.prefactor), *(layer.act.cst for layer in layers[:-1])]
        factors = [gain / layer.h_in**0.5 for gain, layer in zip(gains, layers, strict=True)]
        factors[-1] *= self._gain(block)
        return factors

    def _gain(self, block: torch.nn.Module) -> float:
        """What of a layer's other factors its radial network takes over."""
        gain = 1 / (self.channels * float(block.avg_num_neighbors))
        return gain if is_residual(block) else gain / (self.channels * self.elements) ** 0.5

    def __call__(
        self, batch: dict, training: bool = False, compute_force: bool = True, compute_stress: bool = False
    ) -> dict[str, torch.Tensor]:
        """Energies (G,), ``interaction_energy`` without reference energies, forces (N, 3), stress (G, 3, 3).

        ``batch`` is one of ``mftl.graphs.collate``, or any that MACE takes. With ``training`` interaction energies,
        forces and stress can be differentiated by the weights.
        """
        # G structures; N atoms with at most M neighbours; E edges sorted by receiver; L harmonics; B radial functions
        batch = batch if "rows" in batch else complete(batch)
        positions, (senders, receivers) = batch["positions"].detach(), batch["edge_index"]
        edges = Edges(senders, batch["rows"], batch["slots"], len(positions))
        vectors = positions.index_select(0, receivers) - positions.index_select(0, senders) + batch["shifts"]  # (E, 3)
        lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)  # (E, 1)
        units = vectors / lengths
        values, gradients = self.harmonics(units)  # (E, L), (E, L, 3)
        harmonics = values.new_zeros(len(edges.slots), values.shape[1]).index_copy_(0, edges.rows, values)
        harmonics = harmonics.view(edges.atoms, edges.most, values.shape[1])  # (N, M, L)
        basis = bessel(lengths, self.model.radial_embedding.bessel_fn.bessel_weights, self.cutoff, self.p)  # (2 E, B)
        derivatives = compute_force or compute_stress
        with torch.set_grad_enabled(training or derivatives):
            radial, slopes = self._radial(basis, training)  # for each layer (E, K C)
            atoms = self._atoms(batch, edges, radial, harmonics.requires_grad_(derivatives), training)  # (N,)
            scale_shift, own = self.model.scale_shift, batch["batch"]
            interaction = atoms.new_zeros(len(batch["ptr"]) - 1).index_add(
                0, own, atoms * scale_shift.scale + scale_shift.shift
            )
            references = batch["node_attrs"] @ self.model.atomic_energies_fn.atomic_energies.reshape(-1)
            result = {"interaction_energy": interaction, "energy": interaction.index_add(0, own, references)}
            if derivatives:
                inputs = [*radial, harmonics]
                *by_radial, by_harmonics = torch.autograd.grad(interaction.sum(), inputs, create_graph=training)
                stretch = sum(torch.linalg.vecdot(a, b) for a, b in zip(by_radial, slopes, strict=True))  # (E,)
                turn = torch.bmm(take(by_harmonics, edges).unsqueeze(1), gradients).squeeze(1)  # (E, 3)
                # a solid harmonic's gradient along the edge is none of the harmonic's
                turn = (turn - units * torch.linalg.vecdot(turn, units).unsqueeze(1)) / lengths
                pulls = torch.addcmul(turn, units, stretch.unsqueeze(1))  # (E, 3): the energy's gradient by the vectors
                forces = torch.zeros_like(positions).index_add(0, senders, pulls)
                result["forces"] = forces.index_add(0, receivers, pulls, alpha=-1)
            if compute_stress:
                virials = (vectors.unsqueeze(2) * pulls.unsqueeze(1)).flatten(1)
                virials = virials.new_zeros(len(interaction), 9).index_add(0, own.index_select(0, senders), virials)
                virials = virials.view(-1, 3, 3)
                volumes = torch.linalg.det(batch["cell"].view(-1, 3, 3)).abs()
                result["stress"] = (virials + virials.mT) / (2 * volumes[:, None, None])
        return result

    def _radial(self, basis: torch.Tensor, training: bool) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Weights of the messages of all layers and their derivatives by the lengths, (E, K C) each."""
        radial, slopes = [], []
        for block, factors in zip(self.model.interactions, self.factors, strict=True):
            matrices = [weights(layer, training) for layer in block.conv_tp_weights]
            own, slope = RadialNetwork.apply(basis, factors, *matrices)
            radial.append(own if own.requires_grad else own.requires_grad_())
            slopes.append(slope)
        return radial, slopes

    def _atoms(self, batch: dict, edges: Edges, radial: list[torch.Tensor], harmonics: torch.Tensor, training: bool):
        """Energies of atoms before scale and shift, (N,)."""
        # N atoms, E edges; Z elements, C channels, K orders l of L = K² harmonics
        model, channels, count, elements = self.model, self.channels, self.elements, batch["node_attrs"]
        table = weights(model.node_embedding.linear, training, count, channels) * count**-0.5
        features, energies = elements @ table, 0.0  # (N, C)
        for t, (block, product, readout) in enumerate(
            zip(model.interactions, model.products, model.readouts, strict=True)
        ):
            sent = features @ weights(block.linear_up, training, channels, channels)
            messages = Convolution.apply(sent, radial[t], harmonics, self.own, edges, training, t == 0)  # (N, L, C)
            mixing = weights(block.linear, training, -1, channels, channels)  # (K, C, C)
            skip = weights(block.skip_tp, training, -1, channels, count, channels).transpose(1, 2)  # (K or 1, Z, C, C)
            if is_residual(block):
                mixed = torch.bmm(messages.transpose(0, 1), mixing.index_select(0, self.orders))  # (L, N, C)
            else:
                mixed = self._mixed_by_element(messages, mixing, skip, batch)
            scalars = self.contractions[t](mixed, elements, training)  # (N, C)
            scalars = scalars @ (weights(product.linear, training, channels, channels) * channels**-0.5)
            if is_residual(block):
                skip = skip[0].index_select(0, batch["elements"])  # (N, C, C)
                kept = torch.bmm(features.unsqueeze(1), skip).squeeze(1)
                scalars = torch.add(scalars, kept, alpha=(channels * count) ** -0.5)
            features = scalars
            energies = energies + self._read(readout, features, training)
        return energies

    def _mixed_by_element(self, messages, mixing, skip, batch: dict) -> torch.Tensor:
        """Messages (N, L, C) mixed by matrices (K, C, C), then by their elements' (K, Z, C, C): (L, N, C)."""
        parts = []
        for z, own in enumerate(messages.index_select(0, batch["by_element"]).split(batch["counts"].tolist())):
            if len(own):
                matrices = torch.bmm(mixing, skip[:, z]).index_select(0, self.orders)
                parts.append(torch.bmm(own.transpose(0, 1), matrices))
        return torch.cat(parts, 1).index_select(1, batch["from_element"])

    def _read(self, readout: torch.nn.Module, features: torch.Tensor, training: bool) -> torch.Tensor:
        """Energies (N,) that a readout makes of features (N, C)."""
        if hasattr(readout, "linear"):
            return features @ (weights(readout.linear, training) * self.channels**-0.5)
        hidden = readout.hidden_irreps.dim
        inner = weights(readout.linear_1, training, self.channels, hidden) * self.channels**-0.5
        gain = readout.non_linearity.acts[0].cst * hidden**-0.5
        return torch.nn.functional.silu(features @ inner) @ (weights(readout.linear_2, training) * gain)


def is_residual(block: torch.nn.Module) -> bool:
    """Whether an interaction adds what it got to what comes out of its product."""
    return type(block).__name__ == "RealAgnosticResidualInteractionBlock"


def weights(module: torch.nn.Module, training: bool, *shape: int) -> torch.Tensor:
    """The weights of a module in a shape, its own if none is given; none to be differentiated unless in training."""
    own = module.weight if training else module.weight.detach()
    return own.view(shape) if shape else own
