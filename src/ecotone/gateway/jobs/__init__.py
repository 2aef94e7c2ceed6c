"""What requests want done, one job to each kind of request."""

from ecotone.gateway.jobs.chat import ArrayJob, ChatJob
from ecotone.gateway.jobs.completions import CompletionJob
from ecotone.gateway.jobs.counting import CountJob
from ecotone.gateway.jobs.embeddings import EmbeddingsJob
from ecotone.gateway.jobs.job import JSON_TYPE, STREAM_TYPE, Answer, Job
from ecotone.gateway.jobs.media import MediaJob
from ecotone.gateway.jobs.rerank import RerankJob
from ecotone.gateway.jobs.responses import ResponsesJob, ResponsesServiceJob

__all__ = [
    "JSON_TYPE",
    "STREAM_TYPE",
    "Answer",
    "ArrayJob",
    "ChatJob",
    "CompletionJob",
    "CountJob",
    "EmbeddingsJob",
    "Job",
    "MediaJob",
    "RerankJob",
    "ResponsesJob",
    "ResponsesServiceJob",
]
