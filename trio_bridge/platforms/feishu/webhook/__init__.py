"""Being called by Feishu: who may call, what is understood, what is answered."""
