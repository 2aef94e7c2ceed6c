"""Pictures of measurements as SVG text: self-contained, light and dark, for a page 360 px wide or 1200.

Every picture holds two drawings of the same data, for wide and for narrow pages, of which style sheets show one. The
same values always give the same bytes. Open models are filled circles in the accent's colour, closed ones hollow
diamonds in ink: told apart by shape as well as by colour.
"""

from ecotone.evaluation.plots.curves import Line, Mark, Release, lines, timeline
from ecotone.evaluation.plots.frame import Kind, unstyled
from ecotone.evaluation.plots.reaches import Reach, Turn, reaches
from ecotone.evaluation.plots.rows import Bar, Gap, Standing, dumbbell, interval_bars
from ecotone.evaluation.plots.scales import Axis
from ecotone.evaluation.plots.scatter import Point, pareto, scatter_with_intervals

__all__ = [
    "Axis",
    "Bar",
    "Gap",
    "Kind",
    "Line",
    "Mark",
    "Point",
    "Reach",
    "Release",
    "Standing",
    "Turn",
    "dumbbell",
    "interval_bars",
    "lines",
    "pareto",
    "reaches",
    "scatter_with_intervals",
    "timeline",
    "unstyled",
]
