# The same utterances for all-mpnet-base-v2 (MPNet, arXiv 2004.09297, tuned to sentence similarity),
# which reads plain text.
_base_ = "mosi_utterances.py"
encoder = "sentence-transformers/all-mpnet-base-v2"
encoder_architecture = dict(model_type="mpnet", vocab_size=30527, max_position_embeddings=514)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(tokenizer=encoder))
